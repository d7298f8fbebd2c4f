"""Gabor's engine: designs, compiles and trains convolutional networks, without any Qt."""

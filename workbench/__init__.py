"""The window of Gabor: a Qt program that reaches the engine through `engine.api` alone."""

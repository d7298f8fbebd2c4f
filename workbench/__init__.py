"""The window of Gabor: a Qt program that reaches the engine through `engine.api` alone."""

__version__ = "0.1.0"

"""vrbench: attacks on the images of visual recommenders, measured."""

__version__ = "0.1.0"

"""Gives a bounced stereo mix back repaired, and everything else untouched."""

__version__ = "0.1.0"

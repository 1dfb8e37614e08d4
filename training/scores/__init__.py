"""Scores, one a file: pure functions of a clean and another piece of audio, or of two sets of tokens."""

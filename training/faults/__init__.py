"""Faults on purpose, one a file: parameters drawn from a generator, applied exactly, known exactly."""

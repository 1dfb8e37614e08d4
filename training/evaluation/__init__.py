"""Judging: clean audio through faults and presets, every result beside the damage it came from and what is possible."""

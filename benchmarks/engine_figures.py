"""The figures of the engine: speed, memory, start-up."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pedalboard
import soundfile

from benchmarks import original_five_stage
from benchmarks.measure import Figure, peak_memory_mib, ratio
from rebounce import Board, load_preset

RATE_HZ = 44_100
BLOCK_FRAMES = 65_536


def bypass() -> Figure:
    """Ten minutes of stereo through reading, core and writing, meters off."""
    with tempfile.TemporaryDirectory() as folder:
        source = _write_noise(Path(folder) / "in.wav", minutes=10)
        value, detail = ratio(
            lambda: _through_the_core(source, Path(folder) / "out.wav"),
            lambda: _bare_loop(source, Path(folder) / "bare.wav"),
            repeats=9,
        )
    return Figure(
        name="bypass through the core, 10 min stereo, meters off",
        ours="open_source, Board([Gain 0 dB replaced by nothing]).stream, Sink",
        rival="soundfile int16 blocks of 65,536 frames, read and written",
        value=value,
        unit="x",
        target="at most 1.5x",
        is_reached=value <= 1.5,
        detail=detail,
    )

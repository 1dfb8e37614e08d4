"""How much memory inspect and auto take for a minute and for an hour, undamaged and with echo, hum and offset.

A peak differs by some MiB from run to run, by what two threads happen to hold at once: medians of several.
"""

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from benchmarks.measure import peak_memory_mib
from benchmarks.repair_speed import RATE_HZ, with_three
from rebounce.engine.audio import Audio
from rebounce.training.music import make_mix

REBOUNCE = (sys.executable, "-m", "rebounce")
MIX_SECONDS = 60.0
MINUTES = (1, 60)
TARGET_MIB = 32
TURNS = 3


def rows(folder: Path) -> list[dict[str, Any]]:
    """Peaks of the whole command in MiB; `folder` is not needed, the mix is made and repeated."""
    clean = make_mix(3, MIX_SECONDS, RATE_HZ).audio
    with TemporaryDirectory() as place:
        return list(_rows(Path(place), clean))


def _rows(place: Path, clean: Audio) -> Iterator[dict[str, Any]]:
    out = str(place / "out")
    yield _row("inspect", place, clean, "inspect", "--json")
    yield _row("auto on an undamaged file", place, clean, "restore", "-o", out, "-q", "--force")
    yield _row("auto with echo, hum and offset", place, with_three(clean), "restore", "-o", out, "-q", "--force")


def _row(what: str, place: Path, minute: Audio, command: str, *options: str) -> dict[str, Any]:
    peaks: dict[int, list[float]] = {}
    for minutes in MINUTES:
        source = place / f"{minutes}.wav"
        with soundfile.SoundFile(source, "w", RATE_HZ, len(minute), "PCM_16") as file:
            for _ in range(minutes):
                file.write(np.clip(minute.T, -1, 1))
        peaks[minutes] = [peak_memory_mib(*REBOUNCE, command, str(source), *options) for _ in range(TURNS)]
        source.unlink()
    one, hour = (statistics.median(peaks[minutes]) for minutes in MINUTES)
    return {"what": what, "peaks_mib": peaks, "more_mib": hour - one, "target": TARGET_MIB}

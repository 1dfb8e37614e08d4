"""How fast inspect, auto and the slow repairs are, on music of their own and with faults of the recipe done to it."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from rebounce.engine.audio import Audio
from rebounce.engine.auto import Auto
from rebounce.engine.board import Board
from rebounce.engine.inspection.finding import LEFT
from rebounce.engine.inspection.inspect_file import inspect_file
from rebounce.engine.repair.reduce_reverb import ReduceReverb
from rebounce.engine.repair.restore_clipping import RestoreClipping
from rebounce.training.demo_damage import ECHO, HUM
from rebounce.training.faults.fault import apply_fault
from rebounce.training.faults.registry import fault_named
from rebounce.training.music import make_mix

SECONDS, RATE_HZ, REPEATS = 120.0, 44_100, 3
THREE = (("echo", ECHO), ("noise", HUM))
"""And an offset, which no recipe has."""
THREE_REPAIRED = {"echo", "hum", "dc"}


def rows(folder: Path) -> list[dict[str, Any]]:
    """The machine's cores as they are; `folder` is not needed, the mix is made."""
    clean = make_mix(3, SECONDS, RATE_HZ).audio
    with TemporaryDirectory() as place:
        return _measured(Path(place), clean)


def _measured(place: Path, clean: Audio) -> list[dict[str, Any]]:
    undamaged, damaged, out = (place / f"{name}.wav" for name in ("undamaged", "damaged", "out"))
    soundfile.write(undamaged, clean.T, RATE_HZ, subtype="PCM_24")
    soundfile.write(damaged, with_three(clean).T, RATE_HZ, subtype="FLOAT")
    clipped = np.clip(clean, *np.percentile(clean, [2, 98]))[:, : 20 * RATE_HZ]
    return [
        _row("inspect", SECONDS, lambda: inspect_file(undamaged), 40),
        _row("auto on an undamaged file", SECONDS, lambda: _restore(undamaged, out, set()), 30),
        _row("auto with echo, hum and offset", SECONDS, lambda: _restore(damaged, out, THREE_REPAIRED), 4),
        _row("RestoreClipping, 4 % of the samples clipped", 20.0, lambda: RestoreClipping()(clipped, RATE_HZ), 0.3),
        _row("ReduceReverb", SECONDS, lambda: ReduceReverb()(clean, RATE_HZ), 3),
    ]


def with_three(clean: Audio) -> Audio:
    faulty = clean
    for name, parameters in THREE:
        faulty = apply_fault(fault_named(name), faulty, RATE_HZ, parameters)
    return faulty + np.float32(0.02)


def _restore(source: Path, target: Path, repaired: set[str]) -> None:
    """A time is one of these repairs only if they were made."""
    record = Board([Auto()]).restore_file(source, target, force=True)
    made = {finding["fault"] for finding in record.to_dict()["findings"] if finding["action"] != LEFT}
    assert made == repaired, f"expected repairs of {repaired}, found {made}"


def _row(what: str, seconds: float, call: Callable[[], object], target: float) -> dict[str, Any]:
    call()
    taken = []
    for _ in range(REPEATS):
        start_s = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start_s)
    return {"what": what, "realtime_factor": seconds / median(taken), "seconds": taken, "target": target}

"""Damage on purpose, for the demo: what happens to a good mix on its way out of a room full of cables.

In the order in which it happens to real files: an echo left on the master, the hum of a cable, the offset of a
converter, then a level too high for it. Nothing gets longer, nothing late.
"""

from typing import Any

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import apply_fault
from rebounce.training.faults.registry import fault_named

ECHO: dict[str, Any] = {"pattern": "repeats", "taps": 2, "delay_ms": 283.0, "gain": 0.4, "lowpass_hz": None}
HUM: dict[str, Any] = {
    "kind": "hum",
    "snr_db": 26.0,
    "mains_hz": 50,
    "partials": [{"multiple": n, "level_db": -6.0 * n, "phase_turns": 0.0} for n in (1, 2, 3)],
}
OFFSET = 0.02
CLIPPING: dict[str, Any] = {"kind": "hard", "percentile": 98.0}
LOUDEST_PEAK = 0.6


def damage(audio: Audio, sample_rate_hz: int) -> Audio:
    """The audio `(channels, frames)` after all of it; only the arguments decide what comes out."""
    peak = float(np.abs(audio).max(initial=0.0))
    taken = audio * np.float32(LOUDEST_PEAK / peak if peak > 0 else 1.0)
    for name, parameters in (("echo", ECHO), ("noise", HUM)):
        taken = apply_fault(fault_named(name), taken, sample_rate_hz, parameters)
    return apply_fault(fault_named("clipping"), taken + np.float32(OFFSET), sample_rate_hz, CLIPPING)

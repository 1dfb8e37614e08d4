"""All faults by name: one line each, imported when it is used."""

from difflib import get_close_matches
from functools import cache
from importlib import import_module

from rebounce.engine.errors import UsageError
from rebounce.training.faults.fault import Fault

FAULTS = {
    "eq": "Eq",
    "gain": "Gain",
    "compression": "Compression",
    "reverb": "Reverb",
    "echo": "Echo",
    "clipping": "Clipping",
    "mp3": "Mp3",
    "noise": "Noise",
    "level_ride": "LevelRide",
    "limiting": "Limiting",
    "narrow": "Narrow",
    "vst3": "Vst3Fault",
}
"""The class in the module of the same name."""


@cache
def fault_named(name: str) -> Fault:
    """The fault; UsageError that names the nearest when there is none of that name."""
    if name not in FAULTS:
        close = get_close_matches(name, FAULTS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(FAULTS)}"
        raise UsageError(f"expected the name of a fault, found {name!r}; {hint}")
    fault: Fault = getattr(import_module(f"rebounce.training.faults.{name}"), FAULTS[name])()
    return fault

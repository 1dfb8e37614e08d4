"""All detectors by name: one line each, in the order in which their repairs are made.

What came last is taken back first: samples that were cut off must be whole again before anything turns on their values,
a plate must be gone before its echoes are taken for others, and a band that a coder took away is filled when all else
is in order.
"""

from importlib import import_module

from rebounce.engine.inspection.finding import Detector

DETECTORS = {
    "clipping": "ClippingDetector",
    "channels": "ChannelsDetector",
    "level_ride": "LevelRideDetector",
    "hum": "HumDetector",
    "noise": "NoiseDetector",
    "plate": "PlateDetector",
    "echo": "EchoDetector",
    "reverb": "ReverbDetector",
    "dynamics": "DynamicsDetector",
    "tone": "ToneDetector",
    "cutoff": "CutoffDetector",
    "edges": "EdgesDetector",
}
"""The class in the module of the same name."""


def detector_class(name: str) -> type[Detector]:
    """One of the detectors."""
    found: type[Detector] = getattr(import_module(f"rebounce.engine.inspection.{name}"), DETECTORS[name])
    return found

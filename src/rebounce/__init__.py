"""Gives a bounced stereo mix back repaired, and everything else untouched.

    from rebounce import Board, load_preset
    restored = load_preset("five-stage")(audio, sample_rate)      # (channels, frames) float32

Nothing heavy is imported until a name is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rebounce.engine.auto import Auto as Auto
    from rebounce.engine.board import Board as Board
    from rebounce.engine.denoise import Denoise as Denoise
    from rebounce.engine.dynamics import Dynamics as Dynamics
    from rebounce.engine.errors import RebounceError as RebounceError
    from rebounce.engine.extend_bandwidth import ExtendBandwidth as ExtendBandwidth
    from rebounce.engine.finish import Finish as Finish
    from rebounce.engine.preset import load_preset as load_preset
    from rebounce.engine.record import Record as Record
    from rebounce.engine.repair.correct_tone import CorrectTone as CorrectTone
    from rebounce.engine.repair.fix_channels import FixChannels as FixChannels
    from rebounce.engine.repair.reduce_reverb import ReduceReverb as ReduceReverb
    from rebounce.engine.repair.remove_echo import RemoveEcho as RemoveEcho
    from rebounce.engine.repair.remove_hum import RemoveHum as RemoveHum
    from rebounce.engine.repair.repair_codec_damage import RepairCodecDamage as RepairCodecDamage
    from rebounce.engine.repair.restore_clipping import RestoreClipping as RestoreClipping
    from rebounce.engine.repair.ride_level import RideLevel as RideLevel
    from rebounce.engine.repair.undo_compression import UndoCompression as UndoCompression
    from rebounce.engine.shape import Shape as Shape
    from rebounce.engine.token_restore import TokenRestore as TokenRestore
    from rebounce.engine.vst3 import Vst3 as Vst3

__version__ = "0.1.0"

# One line a public name.
_HOMES = {
    "Auto": "rebounce.engine.auto",
    "Board": "rebounce.engine.board",
    "CorrectTone": "rebounce.engine.repair.correct_tone",
    "Denoise": "rebounce.engine.denoise",
    "Dynamics": "rebounce.engine.dynamics",
    "ExtendBandwidth": "rebounce.engine.extend_bandwidth",
    "Finish": "rebounce.engine.finish",
    "FixChannels": "rebounce.engine.repair.fix_channels",
    "RebounceError": "rebounce.engine.errors",
    "Record": "rebounce.engine.record",
    "ReduceReverb": "rebounce.engine.repair.reduce_reverb",
    "RemoveEcho": "rebounce.engine.repair.remove_echo",
    "RemoveHum": "rebounce.engine.repair.remove_hum",
    "RepairCodecDamage": "rebounce.engine.repair.repair_codec_damage",
    "RestoreClipping": "rebounce.engine.repair.restore_clipping",
    "RideLevel": "rebounce.engine.repair.ride_level",
    "Shape": "rebounce.engine.shape",
    "TokenRestore": "rebounce.engine.token_restore",
    "UndoCompression": "rebounce.engine.repair.undo_compression",
    "Vst3": "rebounce.engine.vst3",
    "load_preset": "rebounce.engine.preset",
}

__all__ = [  # noqa: PLE0604 - the names are the keys above, so that the two cannot part
    "__version__",
    *_HOMES,
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rebounce' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

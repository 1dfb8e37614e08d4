"""Every plugin a chain can name, in one list: ours, pedalboard's built-ins, and VST3 bundles by their path."""

from importlib import import_module
from typing import Any

from rebounce.engine.errors import ChainError
from rebounce.engine.parameters import Spec
from rebounce.engine.pedalboard_effects import CONTAINERS, EFFECTS, effect_from_dict
from rebounce.engine.plugin import Plugin

# One line a plugin. The module is imported when a chain first names it.
OURS = {
    "Auto": "rebounce.engine.auto",
    "CorrectTone": "rebounce.engine.repair.correct_tone",
    "Denoise": "rebounce.engine.denoise",
    "Dynamics": "rebounce.engine.dynamics",
    "ExtendBandwidth": "rebounce.engine.extend_bandwidth",
    "Finish": "rebounce.engine.finish",
    "FixChannels": "rebounce.engine.repair.fix_channels",
    "ReduceReverb": "rebounce.engine.repair.reduce_reverb",
    "RemoveEcho": "rebounce.engine.repair.remove_echo",
    "RemoveHum": "rebounce.engine.repair.remove_hum",
    "RepairCodecDamage": "rebounce.engine.repair.repair_codec_damage",
    "RestoreClipping": "rebounce.engine.repair.restore_clipping",
    "RideLevel": "rebounce.engine.repair.ride_level",
    "Shape": "rebounce.engine.shape",
    "TokenRestore": "rebounce.engine.token_restore",
    "UndoCompression": "rebounce.engine.repair.undo_compression",
}


def plugin_names() -> list[str]:
    """Every name that may stand behind `plugin =`, a path to a VST3 bundle apart."""
    return sorted([*OURS, *EFFECTS, *CONTAINERS, "Board"])


def plugin_class(name: str) -> type[Plugin]:
    """One of our own plugin classes."""
    found: type[Plugin] = getattr(import_module(OURS[name]), name)
    return found


def plugin_specs(name: str) -> dict[str, Spec] | None:
    """The parameters a name takes; None for a VST3 bundle, which knows only once it is loaded."""
    if name in OURS:
        from rebounce.engine.parameters import specs_of

        return specs_of(plugin_class(name))
    if name in CONTAINERS or name == "Board":
        return {}
    return EFFECTS.get(name)


def is_vst3_path(name: str) -> bool:
    """True for what looks like a bundle rather than a name."""
    return name.lower().endswith(".vst3")


def build_plugin(table: dict[str, Any]) -> Any:
    """The live plugin for one table of a chain: ours, or pedalboard's own object."""
    name = table.get("plugin")
    if not isinstance(name, str):
        raise ChainError(f"expected plugin = a name or a path, found {name!r}; each table of a chain names its plugin")
    if name in OURS:
        return plugin_class(name).from_dict(table)
    if name == "Board":
        from rebounce.engine.board import Board

        return Board.from_dict(table)
    if name in EFFECTS or name in CONTAINERS:
        return effect_from_dict(table)
    if is_vst3_path(name):
        from rebounce.engine.vst3 import Vst3

        return Vst3.from_dict(table)
    raise unknown_plugin(name)


def unknown_plugin(name: str) -> ChainError:
    """The error for a name that no plugin has."""
    from difflib import get_close_matches

    close = get_close_matches(name, plugin_names(), n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else "see `rebounce presets show five-stage` for an example"
    return ChainError(f"expected the name of a plugin or a path ending in .vst3, found {name!r}; {hint}")

"""pedalboard's built-in effects as data: their parameters and ranges, and how they are saved and rebuilt.

pedalboard checks some ranges only while audio runs and some not at all (a filter above half the sample rate returns
infinities, a phaser with feedback past 1 returns NaN), so the ranges stand here and are checked before a file is read.
"""

from typing import Any

from rebounce.engine.errors import ChainError
from rebounce.engine.parameters import Spec, Value, unknown_name

_MIX = Spec(low=0.0, high=1.0)
_CUTOFF = Spec(low=1.0, high=96_000.0)
_GAIN_DB = Spec(low=-120.0, high=120.0)
_TIME_MS = Spec(low=0.0, high=10_000.0)
_QUALITIES = Spec(
    words=(
        "ZeroOrderHold",
        "Linear",
        "CatmullRom",
        "Lagrange",
        "WindowedSinc",
        "WindowedSinc256",
        "WindowedSinc128",
        "WindowedSinc64",
        "WindowedSinc32",
        "WindowedSinc16",
        "WindowedSinc8",
    )
)
_SHELF = {"cutoff_frequency_hz": _CUTOFF, "gain_db": _GAIN_DB, "q": Spec(low=0.01, high=1000.0)}
_DYNAMICS = {
    "threshold_db": Spec(low=-200.0, high=60.0),
    "ratio": Spec(low=1.0, high=1000.0),
    "attack_ms": _TIME_MS,
    "release_ms": _TIME_MS,
}

EFFECTS: dict[str, dict[str, Spec]] = {
    "Bitcrush": {"bit_depth": Spec(low=0.0, high=32.0)},
    "BrickwallLimiter": {
        "ceiling_db": Spec(low=-120.0, high=0.0),
        "release_ms": _TIME_MS,
        "lookahead_ms": Spec(low=0.01, high=100.0),
        "true_peak": Spec(is_flag=True),
    },
    "Chorus": {
        "rate_hz": Spec(low=0.0, high=100.0),
        "depth": Spec(low=0.0, high=1.0),
        "centre_delay_ms": Spec(low=1.0, high=100.0),
        "feedback": Spec(low=-1.0, high=1.0),
        "mix": _MIX,
    },
    "Clipping": {"threshold_db": Spec(low=-120.0, high=60.0)},
    "Compressor": _DYNAMICS,
    "Convolution": {"impulse_response_filename": Spec(text="a path"), "mix": _MIX},
    "Delay": {"delay_seconds": Spec(low=0.0, high=30.0), "feedback": Spec(low=0.0, high=1.0), "mix": _MIX},
    "Distortion": {"drive_db": _GAIN_DB},
    "GSMFullRateCompressor": {"quality": _QUALITIES},
    "Gain": {"gain_db": _GAIN_DB},
    "HighShelfFilter": _SHELF,
    "HighpassFilter": {"cutoff_frequency_hz": _CUTOFF},
    "Invert": {},
    "LadderFilter": {
        "mode": Spec(words=("LPF12", "HPF12", "BPF12", "LPF24", "HPF24", "BPF24")),
        "cutoff_hz": _CUTOFF,
        "resonance": Spec(low=0.0, high=1.0),
        "drive": Spec(low=1.0, high=100.0),
    },
    "Limiter": {"threshold_db": Spec(low=-120.0, high=60.0), "release_ms": _TIME_MS},
    "LowShelfFilter": _SHELF,
    "LowpassFilter": {"cutoff_frequency_hz": _CUTOFF},
    "MP3Compressor": {"vbr_quality": Spec(low=0.0, high=10.0)},
    "NoiseGate": _DYNAMICS,
    "PeakFilter": _SHELF,
    "Phaser": {
        "rate_hz": Spec(low=0.0, high=100.0),
        "depth": Spec(low=0.0, high=1.0),
        "centre_frequency_hz": Spec(low=1.0, high=20_000.0),
        "feedback": Spec(low=-1.0, high=1.0),
        "mix": _MIX,
    },
    "PitchShift": {"semitones": Spec(low=-72.0, high=72.0)},
    "Resample": {"target_sample_rate": Spec(low=100.0, high=192_000.0), "quality": _QUALITIES},
    "Reverb": {
        name: Spec(low=0.0, high=1.0)
        for name in ("room_size", "damping", "wet_level", "dry_level", "width", "freeze_mode")
    },
}
CONTAINERS = ("Chain", "Mix")


def is_effect(item: object) -> bool:
    """True for any live pedalboard plugin, without importing pedalboard for it."""
    return any(base.__module__.startswith("pedalboard") for base in type(item).__mro__)


def effect_name(effect: Any) -> str:
    """The name a message gives it."""
    return str(getattr(effect, "name", None) or type(effect).__name__)


def members(effect: Any) -> list[Any]:
    """The plugins inside a pedalboard container; none for a plain effect."""
    return list(effect) if hasattr(effect, "__len__") else []


def effect_to_dict(effect: Any) -> dict[str, Any]:
    """A built-in as the table that `effect_from_dict` takes; a hosted plugin is refused with the line to write."""
    kind = type(effect).__name__
    inside = members(effect)
    if inside or kind in (*CONTAINERS, "Pedalboard"):
        return {"plugin": "Mix" if kind == "Mix" else "Chain", "chain": [effect_to_dict(item) for item in inside]}
    if kind not in EFFECTS:
        raise ChainError(_refusal(effect))
    return {"plugin": kind} | {name: _plain(name, getattr(effect, name)) for name in EFFECTS[kind]}


def effect_from_dict(table: dict[str, Any]) -> Any:
    """The live effect that `effect_to_dict` described, every value checked first."""
    import pedalboard

    kind = table["plugin"]
    values = {name: value for name, value in table.items() if name not in ("plugin", "chain")}
    if kind in CONTAINERS:
        return getattr(pedalboard, kind)([effect_from_dict(item) for item in table.get("chain", [])])
    checked = {name: _enumerated(kind, name, value) for name, value in checked_values(kind, values).items()}
    try:
        return getattr(pedalboard, kind)(**checked)
    except (ValueError, RuntimeError, TypeError) as problem:
        raise ChainError(f"{kind}: {problem}; correct its parameters {sorted(checked)}") from problem


def checked_values(kind: str, values: dict[str, Any]) -> dict[str, Value]:
    """The values, or a ChainError for the first that does not fit."""
    specs = EFFECTS[kind]
    for name in values:
        if name not in specs:
            raise unknown_name(kind, name, list(specs))
    return {name: specs[name].check(kind, name, value) for name, value in values.items()}


def copy_effect(effect: Any) -> Any:
    """A second, independent instance with the same settings, for another pair of channels."""
    return effect_from_dict(effect_to_dict(effect))


def _enumerated(kind: str, name: str, value: Value) -> Any:
    """pedalboard's own enum where it wants one."""
    import pedalboard

    if name == "quality":
        return getattr(pedalboard.Resample.Quality, str(value))
    if name == "mode":
        return getattr(pedalboard.LadderFilter.Mode, str(value))
    return value


def _plain(name: str, value: Any) -> Value:
    """A parameter as TOML can hold it, in the shortest decimal that is the same float32.

    pedalboard keeps some levels as a factor and hands back a neighbouring number of dB, so six digits of those are
    kept: what is loaded from a file is then saved as the same file.
    """
    import numpy as np

    if hasattr(value, "name"):
        return str(value.name)
    if name.endswith("_db"):
        return float(f"{value:.6g}")
    if isinstance(value, float) and float(np.float32(value)) == value:
        return float(str(np.float32(value)))
    return value  # type: ignore[no-any-return]


def _refusal(effect: Any) -> str:
    path = getattr(effect, "path_to_plugin_file", None) or "path/to/plugin.vst3"
    return (
        f"{effect_name(effect)}: a live pedalboard plugin of type {type(effect).__name__} cannot be saved; "
        f'write Vst3("{path}") in its place, which keeps its parameters and state'
    )

"""The numbers that a codec is trained with: checked, and read from a training config. Importable without torch."""

from dataclasses import asdict, dataclass
from typing import Any

from rebounce.engine.errors import ConfigError
from rebounce.presets.training_config import TrainingConfig

SIZES = ("light", "tiny")
"""Of `networks.light_codec`."""

_ABOUT_RECORDS = ("log_every_steps", "save_every_steps")
"""What may be another when a run goes on: nothing that is learned depends on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecTraining:
    """How a codec is trained: `steps` in all, the first `plain_steps` of them without the quantiser.

    In the first `mono_steps` a codec of half the width learns a single channel, of which two are then put side by side;
    with 0 of them the whole codec learns from the start. A batch holds pieces of `crop_tokens`, each divided by the
    level of the window of `level_tokens` that it is cut from; half of them pass the quantiser. Codes that get less than
    `dead_share` of a fair share of vectors are given another place. Every `validate_every_steps` so many
    `validation_windows` of held-out music are scored; with 0 windows nothing is held out, and all of the music is
    learned from.
    """

    steps: int = 12_000
    mono_steps: int = 2_500
    plain_steps: int = 4_000
    batch: int = 6
    crop_tokens: int = 75
    level_tokens: int = 320
    learning_rate: float = 6e-4
    warm_up_steps: int = 300
    clip: float = 3.0
    commitment: float = 0.1
    spectral: float = 0.3
    dead_share: float = 0.1
    cluster_vectors: int = 24_000
    validate_every_steps: int = 500
    validation_windows: int = 16
    log_every_steps: int = 20
    save_every_steps: int = 250
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ConfigError(f"codec_training: expected {name} of {least:g} or more, found {getattr(self, name)}")
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"codec_training: expected learning_rate between 0 and 1, found {self.learning_rate:g}")
        if self.clip <= 0:
            raise ConfigError(f"codec_training: expected clip above 0, found {self.clip:g}")
        if self.crop_tokens > self.level_tokens:
            raise ConfigError(
                f"codec_training: expected crop_tokens of level_tokens = {self.level_tokens} at most, "
                f"found {self.crop_tokens}; a piece is cut from the window whose level it is divided by"
            )
        if not self.mono_steps <= self.plain_steps < self.steps:
            raise ConfigError(
                "codec_training: expected mono_steps of plain_steps at most, and plain_steps below steps, found "
                f"{self.mono_steps}, {self.plain_steps} and {self.steps}"
            )

    @property
    def is_held_out(self) -> bool:
        """True when some of the music is kept for validation."""
        return self.validation_windows > 0

    @property
    def vectors_a_step(self) -> int:
        """How many latents pass the quantiser in one step."""
        return self.batch // 2 * self.crop_tokens


_LEAST = {
    **dict.fromkeys(("steps", "crop_tokens", "level_tokens", "warm_up_steps", "cluster_vectors"), 1),
    **dict.fromkeys(("validate_every_steps", "log_every_steps", "save_every_steps"), 1),
    **dict.fromkeys(
        ("mono_steps", "plain_steps", "validation_windows", "seed", "commitment", "spectral", "dead_share"), 0
    ),
    # One half of a batch passes the quantiser, the other does not.
    "batch": 2,
}


def usual_settings() -> dict[str, float]:
    """What each number is where a config does not say; the seed is the config's own."""
    usual: dict[str, float] = asdict(CodecTraining())
    del usual["seed"]
    return usual


def settings_of(config: TrainingConfig) -> CodecTraining:
    """The settings that a config asks for; ConfigError where they cannot be."""
    if config.size not in SIZES:
        raise ConfigError(f"size: expected {' or '.join(SIZES)} for a codec, found {config.size!r}")
    return CodecTraining(**(config.codec_training or {}), seed=config.seed)


def difference(found: dict[str, Any], wanted: CodecTraining) -> str:
    """What of a run's settings is another now, `steps = 200 instead of 100`; empty where it can go on."""
    new = asdict(wanted)
    names = [name for name in new if name not in _ABOUT_RECORDS and found.get(name) != new[name]]
    return ", ".join(f"{name} = {new[name]} instead of {found.get(name)}" for name in names)

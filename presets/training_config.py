"""What `rebounce train` is to do, as one frozen dataclass: checked however it was made.

`presets.training_file` reads it from TOML. What networks, sizes and losses there are is known elsewhere; here they are
names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rebounce.presets.checked_fields import (
    any_text,
    check_fields,
    checked,
    folder_name,
    number,
    one_of,
    switch,
    text,
    texts,
    whole,
)
from rebounce.presets.latent_kinds import ENCODED, OF_CODES

CODEC_KIND = "codec"
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
ONE_CYCLE, COSINE = "one-cycle", "cosine"
ON_CUDA, ALWAYS, NEVER = "cuda", "always", "never"

MOST_EPOCHS = 100_000
MOST_BATCH = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What an epoch takes of the bundles: `windows` in a row from each item, from a place drawn anew every epoch.

    The windows of `mixed_items` items at a time are shuffled among each other; `workers` processes read ahead. Terms of
    audio listen to `listened_tokens` of each window, all of them where that is not given: decoding costs the most.

    `clean_share` of the windows are shown with their clean side in place of the damaged one: what is not to be changed.

    `latents` says which ones the network sees and changes: what the "codes" stand for, or "encoded" ones, as they were
    before tokens were chosen, for which bundles must hold the feature latents.
    """

    windows: int = checked(whole(1, 100_000), 8)
    mixed_items: int = checked(whole(1, 4096), 32)
    workers: int = checked(whole(0, 256), 0)
    listened_tokens: int | None = checked(whole(1, 1_000_000), None)
    clean_share: float = checked(number(0, 0.95), 0.0)
    latents: str = checked(one_of(OF_CODES, ENCODED), OF_CODES)

    def __post_init__(self) -> None:
        check_fields(self, "[data]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Windows at a time: from `start`, doubled after an epoch while memory allows and `most` is not reached.

    `grow` says where: "cuda" (on the CPU it stays what it is), "always" or "never". A step of the optimiser takes
    `accumulate` batches.
    """

    start: int = checked(whole(1, MOST_BATCH), 4)
    most: int = checked(whole(1, MOST_BATCH), 32)
    accumulate: int = checked(whole(1, 4096), 1)
    grow: str = checked(one_of(ON_CUDA, ALWAYS, NEVER), ON_CUDA)

    def __post_init__(self) -> None:
        check_fields(self, "[batch]")
        if self.most < self.start:
            raise ValueError(f"[batch]: expected most of at least start = {self.start}, found {self.most}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimiser:
    """AdamW, and the norm that gradients are clipped to."""

    beta1: float = checked(number(0, 0.99999), 0.9)
    beta2: float = checked(number(0, 0.9999999), 0.999)
    weight_decay: float = checked(number(0, 1), 1e-4)
    clip: float = checked(number(1e-6, 1e6), 10.0)

    def __post_init__(self) -> None:
        check_fields(self, "[optimiser]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """When a stage without a fixed number of epochs ends; `training.trainer.plateau` says how each number is used."""

    smoothing: float = checked(number(0.001, 1), 0.3)
    lag_epochs: int = checked(whole(1, 1000), 3)
    delta: float = checked(number(0, 1e6), 1e-3)
    patience_epochs: int = checked(whole(1, 1000), 5)
    stagnation_epochs: int = checked(whole(2, 1000), 8)
    stagnation_spread: float = checked(number(0, 1e6), 1e-4)

    def __post_init__(self) -> None:
        check_fields(self, "[advance]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What is written: a checkpoint every so many steps and after each epoch, and what can be looked at and heard.

    `pictures` of the losses, and `samples` windows of what the network makes of them, every `samples_every_epochs`.
    """

    every_steps: int = checked(whole(1, 10_000_000), 500)
    log_every_steps: int = checked(whole(1, 10_000_000), 20)
    pictures: bool = checked(switch, True)
    samples: int = checked(whole(0, 64), 2)
    samples_every_epochs: int = checked(whole(1, MOST_EPOCHS), 1)

    def __post_init__(self) -> None:
        check_fields(self, "[keep]")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStage:
    """One stage: `epochs` is fixed; without it the stage has `min_epochs` to `max_epochs` and ends by `advance`.

    Without `min_epochs` it has as many as the text asks for. `bundle_stages` are the folders it learns from: those of
    its own name, where none are given.
    """

    name: str = checked(folder_name)
    learning_rate: float = checked(number(1e-12, 10))
    losses: tuple[str, ...] = checked(texts)
    dropout: float = checked(number(0, 0.95), 0.0)
    bottleneck: bool = checked(switch, True)
    schedule: str = checked(one_of(ONE_CYCLE, COSINE), COSINE)
    epochs: int | None = checked(whole(1, MOST_EPOCHS), None)
    min_epochs: int | None = checked(whole(1, MOST_EPOCHS), None)
    max_epochs: int | None = checked(whole(1, MOST_EPOCHS), None)
    bundle_stages: tuple[str, ...] | None = checked(texts, None)
    advance: Advance = Advance()

    def __post_init__(self) -> None:
        check_fields(self, f"stage {self.name!r}")
        if (self.epochs is None) == (self.max_epochs is None):
            raise ValueError(f"stage {self.name!r}: expected epochs = a fixed number, or max_epochs, and not both")
        if self.epochs is not None and self.min_epochs is not None:
            raise ValueError(f"stage {self.name!r}: min_epochs means nothing beside a fixed number of epochs")
        if (self.min_epochs or 0) > self.most_epochs:
            raise ValueError(f"stage {self.name!r}: min_epochs = {self.min_epochs} is more than {self.most_epochs}")

    @property
    def most_epochs(self) -> int:
        """How many epochs it has at most: what its learning rate is spread over."""
        return self.epochs or self.max_epochs or 1

    @property
    def folders(self) -> tuple[str, ...]:
        """The stages of bundles that it learns from."""
        return self.bundle_stages or (self.name,)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """A whole training. `kind` and `size` name the network; "codec" trains a codec on the folders in `music`.

    Everything else learns from `bundles`, the tokens of `codec`; `loss` holds the weights that differ from the usual
    ones. Paths are as they were written.
    """

    kind: str = checked(text)
    size: str = checked(text)
    output: str = checked(text)
    description: str = checked(any_text, "")
    seed: int = checked(whole(0, 2**62), 0)
    precision: str = checked(one_of(*PRECISIONS), "auto")
    gradient_checkpointing: bool = checked(switch, False)
    bundles: tuple[str, ...] | None = checked(texts, None)
    codec: str | None = checked(text, None)
    codec_weights: str | None = checked(text, None)
    music: tuple[str, ...] | None = checked(texts, None)
    codec_training: Mapping[str, Any] | None = None
    data: Data = Data()
    batch: Batch = Batch()
    optimiser: Optimiser = Optimiser()
    keep: Keeping = Keeping()
    loss: Mapping[str, float] | None = None
    stages: tuple[TrainingStage, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self, "training config")
        needed = ("music",) if self.kind == CODEC_KIND else ("bundles", "codec", "stages")
        missing = [name for name in needed if not getattr(self, name)]
        if missing:
            raise ValueError(f'expected {missing[0]}, as kind = "{self.kind}" needs it, found none')
        names = [stage.name for stage in self.stages]
        twice = [name for number, name in enumerate(names) if name in names[:number]]
        if twice:
            raise ValueError(f"stage {twice[0]!r} stands here twice; give each a name of its own")

"""One training of a codec: all that changes from step to step, its stages, and its checkpoint.

What always holds: what a checkpoint gives back goes on to the same numbers as a run that was never cut off.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rebounce.engine.errors import CheckpointError, UsageError
from rebounce.training.checkpoint import read_checkpoint, write_checkpoint
from rebounce.training.codec_settings import CodecTraining, difference
from rebounce.training.networks.light_codec import CodecSize, LightCodec
from rebounce.training.networks.side_by_side import half_of, side_by_side

KIND = "light-codec"
CHECKPOINT_NAME = "last.pt"
MONO, PLAIN, QUANTISED = "mono", "plain", "quantised"
"""The stages: half a codec on one channel, the whole one without its quantiser, and with it."""

_OWN_KEYS = ("optimiser", "music_sha256", "data_card", "sums", "counts", "bad_steps_in_a_row")


@dataclass(slots=True, kw_only=True)
class Run:
    """One training run. `size` is what comes out of it; `model` is half of that in the first stage.

    `sums` are those of the steps since the last row of the log, `counts` the use of each code
    `(codebooks, codebook_size)` since the last validation, `validation` what that found.
    """

    settings: CodecTraining
    size: CodecSize
    folder: Path
    music_sha256: str
    device: torch.device
    data_card: str = ""
    step: int = 0
    bad_steps_in_a_row: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    validation: dict[str, float] = field(default_factory=dict)
    counts: Tensor = field(init=False)
    model: LightCodec = field(init=False)
    optimiser: torch.optim.Optimizer = field(init=False)

    def __post_init__(self) -> None:
        self.counts = torch.zeros(self.size.codebooks, self.size.codebook_size, dtype=torch.int64)
        self.use_model(_made(half_of(self.size) if self.settings.mono_steps else self.size, self.settings.seed))

    @property
    def stage(self) -> str:
        """What the next step belongs to."""
        if self.step < self.settings.mono_steps:
            return MONO
        return PLAIN if self.step < self.settings.plain_steps else QUANTISED

    @property
    def is_half(self) -> bool:
        """True while the model has a single channel."""
        return self.model.size != self.size

    def use_model(self, model: LightCodec) -> None:
        """Train this one from now on, with an optimiser that knows nothing yet."""
        self.model = model.to(self.device)
        rate = self.settings.learning_rate
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=rate, betas=(0.8, 0.99), weight_decay=1e-4)

    def make_whole(self) -> None:
        """Put two copies of the half codec side by side."""
        whole = _made(self.size, self.settings.seed).to(self.device)
        side_by_side(self.model, whole)
        self.use_model(whole)


def _made(size: CodecSize, seed: int) -> LightCodec:
    """A codec with weights drawn from the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LightCodec(size)


def save_run(run: Run) -> None:
    """Write the checkpoint whole or not at all."""
    state: dict[str, Any] = {
        "kind": KIND,
        "size": _size_told(run.model.size),
        "shape": {
            "codebooks": run.size.codebooks,
            "codebook_size": run.size.codebook_size,
            "latent_dimension": run.size.dimension,
            "window_tokens": run.settings.level_tokens,
        },
        "codec_id": "",  # a codec has one once it is a package
        "model": run.model.state_dict(),
        "config": asdict(run.settings),
        "stage": _stage_reached(run),
        "epoch": 0,
        "step": run.step,
        "validation": run.validation,
        "optimiser": run.optimiser.state_dict(),
        "music_sha256": run.music_sha256,
        "data_card": run.data_card,
        "sums": run.sums,
        "counts": run.counts,
        "bad_steps_in_a_row": run.bad_steps_in_a_row,
    }
    write_checkpoint(run.folder / CHECKPOINT_NAME, state)


def resume(run: Run) -> None:
    """Go on from the checkpoint in the run's folder; an error where it is not one of this very training."""
    path = run.folder / CHECKPOINT_NAME
    state = read_checkpoint(path)
    _check_kind(path, state)
    _check_same(path, state, run)
    if state["size"] != _size_told(run.model.size):
        run.use_model(_made(run.size, run.settings.seed))
    run.model.load_state_dict(state["model"])
    run.optimiser.load_state_dict(state["optimiser"])
    run.step, run.validation = state["step"], state["validation"]
    run.sums, run.counts = state["sums"], state["counts"]
    run.bad_steps_in_a_row = state["bad_steps_in_a_row"]


def _size_told(size: CodecSize) -> dict[str, Any]:
    """The size in plain values, as a checkpoint has it."""
    return {**asdict(size), "ratios": list(size.ratios)}


def _stage_reached(run: Run) -> str:
    """The stage of the step that was made last."""
    if run.is_half:
        return MONO
    return QUANTISED if run.step > run.settings.plain_steps else PLAIN


def _check_kind(path: Path, state: dict[str, Any]) -> None:
    if state["kind"] != KIND:
        raise CheckpointError(f"{path}: expected a checkpoint of a codec ({KIND}), found {state['kind']}; name another")
    missing = [key for key in _OWN_KEYS if key not in state]
    if missing:
        raise CheckpointError(
            f"{path}: expected {missing[0]!r} to go on from, found none; this checkpoint can be exported only"
        )


def _check_same(path: Path, state: dict[str, Any], run: Run) -> None:
    trouble = difference(state["config"], run.settings)
    if state["size"] not in (_size_told(run.size), _size_told(half_of(run.size))):
        trouble = "another size"
    if state["music_sha256"] != run.music_sha256:
        trouble = trouble or "other music"
    if trouble:
        raise UsageError(
            f"{path}: expected the settings and the music that this training began with, found {trouble}; put them "
            "back, or name another output"
        )

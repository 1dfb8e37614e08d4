"""Bundles of a task that a tiny network learns in seconds: undo a fixed shift of tokens, and what trains on them."""

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from tiny_packages import WIDE, WINDOW_TOKENS, tiny_codec

from rebounce.engine.segments import Codes
from rebounce.engine.tokens import Framing, Tokens
from rebounce.presets.latent_kinds import ENCODED
from rebounce.presets.training_config import TrainingConfig
from rebounce.training.bundle import write_bundle
from rebounce.training.bundle_features import Feature, feature_shape
from rebounce.training.bundle_item import Bundle
from rebounce.training.damage import Applied
from rebounce.training.networks.light_codec import SIZES, LightCodec
from rebounce.training.trainer.codec_side import CodecSide
from rebounce.training.trainer.configs import load_config
from rebounce.training.trainer.logs import Row
from rebounce.training.trainer.opening import Wish, open_training
from rebounce.training.trainer.state import StageResult
from rebounce.training.trainer.training import StepFacts, Training

FRAMING = Framing(segment_frames=320 * WINDOW_TOKENS, stride_frames=256 * WINDOW_TOKENS, hop_frames=320)
SIZE = SIZES["tiny"]
CODEC_ID = "tiny-codec@0123456789ab"
STAGES = ("0", "1", "1-stronger", "2", "3", "3-stronger", "4", "4-stronger")
# The part of each stage's tokens that is noise and cannot be undone, beside the shift of all of them.
NOISE = dict(zip(STAGES, (0.0, 0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06), strict=True))
SEGMENTS = 4
ENTRIES = 4
"""Of the codebooks that are used: four are learned sooner than sixteen."""

MEASURES = np.linspace(0, 1, feature_shape("measures", 1, FRAMING)[1], dtype=np.float32)
"""Of every segment the same, so that there is nothing in them but what can be learned."""


def write_shifts(
    folder: Path,
    items: int = 8,
    stages: tuple[str, ...] = STAGES,
    codec_id: str = CODEC_ID,
    codec: LightCodec | None = None,
) -> Path:
    """Bundles of every stage: `items` to learn from and half as many to validate with, 4 windows each.

    They hold latents where a wide `codec` is given.
    """
    for stage in stages:
        for number in range(items + items // 2):
            split = "train" if number < items else "validation"
            bundle = shift_bundle(stage, split, number, codec_id, codec)
            write_bundle(folder / stage / split / f"{number:016x}-0.safetensors", bundle)
    return folder


def shift_bundle(
    stage: str, split: str, number: int, codec_id: str = CODEC_ID, codec: LightCodec | None = None
) -> Bundle:
    """Random tokens; on the damaged side those of the first two codebooks one entry further, but in stage 0."""
    rng = np.random.default_rng((STAGES.index(stage), number))
    frames = (SEGMENTS - 1) * FRAMING.stride_frames + FRAMING.segment_frames
    frames -= FRAMING.segment_frames - FRAMING.stride_frames  # else the end of the last one begins another
    clean = rng.integers(0, ENTRIES, (SEGMENTS, SIZE.codebooks, WINDOW_TOKENS)).astype(np.int16)
    last = FRAMING.token_counts(frames)[-1]
    damaged = clean.copy()
    if stage != "0":
        damaged[:, :2] = (damaged[:, :2] + 1) % ENTRIES
    is_noise = rng.random(clean.shape) < NOISE[stage]
    damaged = np.where(is_noise, rng.integers(0, ENTRIES, clean.shape), damaged).astype(np.int16)
    clean[-1, :, last:] = damaged[-1, :, last:] = -1
    scales = rng.uniform(0.05, 0.3, SEGMENTS).astype(np.float32)
    sides = [
        Tokens(codes=codes, scales=scales, frames=frames, sample_rate_hz=48_000, codec_id=codec_id)
        for codes in (clean, damaged)
    ]
    return Bundle(
        clean=sides[0],
        damaged=sides[1],
        damage=() if stage == "0" else (Applied(fault="gain", parameters={"gain_db": 1.0}),),
        track_sha256=f"{number:064x}",
        track_name=f"track {number}.wav",
        source_sample_rate_hz=48_000,
        source_channels=2,
        start_frame=0,
        split=split,
        stage=stage,
        exercise=f"token-unet/{stage}",
        seed=0,
        index=0,
        weights_sha256="ab" * 32,
        codebook_size=SIZE.codebook_size,
        framing=FRAMING,
        features={"measures": np.tile(MEASURES, (SEGMENTS, 1)), **_latents(codec, (clean, damaged))},
    )


def _latents(codec: LightCodec | None, sides: tuple[Codes, Codes]) -> dict[str, Feature]:
    """What the tokens of both sides stand for, and beside it what choosing them took away, the same of both.

    The damaged side should be what the clean one is: there is no other level in it.
    """
    if codec is None:
        return {}
    entries = codec.codebooks().numpy()
    clean, damaged = (sum(book[side[:, number]] for number, book in enumerate(entries)) for side in sides)
    known = np.stack([clean, damaged, clean], axis=1)
    rest = np.random.default_rng(0).standard_normal((SEGMENTS, 1, *known.shape[2:])) * 0.1 * known.std()
    latents = (known + rest) * (sides[0][:, :1, :, np.newaxis] >= 0)
    return {"latents": latents.transpose(0, 1, 3, 2).astype(np.float16)}


@cache
def tiny_side(codebooks: int) -> CodecSide:
    """A codec of random weights that made these tokens, as far as anybody can tell."""
    assert codebooks == SIZE.codebooks
    return CodecSide(codec_id=CODEC_ID, codec=tiny_codec())


@cache
def wide_side(codebooks: int) -> CodecSide:
    """The same of a codec whose latents bundles can hold."""
    assert codebooks == SIZE.codebooks
    return CodecSide(codec_id=CODEC_ID, codec=tiny_codec(size=WIDE))


def tiny_config(bundles: Path, output: Path, **changes: Any) -> TrainingConfig:
    """The bundled tiny curriculum on these bundles, without pictures."""
    config = load_config("tiny", {"bundles": (str(bundles),), "output": str(output)})
    return replace(config, **{"keep": replace(config.keep, samples=0, pictures=False), **changes})


def short(config: TrainingConfig, *names: str, epochs: int = 2, **changes: Any) -> TrainingConfig:
    """Some of the stages, each for so many epochs, and only those of their losses that need no codec's decoder."""
    plain = {"epochs": epochs, "min_epochs": None, "max_epochs": None, "losses": ("token", "latent")}
    stages = tuple(replace(stage, **{**plain, **changes}) for stage in config.stages if stage.name in names)
    return replace(config, stages=stages, loss={name: 1.0 for stage in stages for name in stage.losses})


def opened(config: TrainingConfig, heard: "Heard | None" = None, *, is_resumed: bool = False) -> Training:
    """A training of that config on the CPU, of the wide codec where it goes by encoded latents."""
    wish = Wish(device="cpu", is_resumed=is_resumed)
    side = wide_side if config.data.latents == ENCODED else tiny_side
    return open_training(config, side, wish, Heard() if heard is None else heard)


@dataclass(slots=True)
class Heard:
    """Keeps all that a training tells."""

    said: list[str] = field(default_factory=list)
    steps: list[StepFacts] = field(default_factory=list)
    epochs: list[Row] = field(default_factory=list)
    stages: list[StageResult] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)

    def step(self, facts: StepFacts) -> None:
        self.steps.append(facts)

    def epoch(self, row: Row, most_epochs: int) -> None:
        self.epochs.append(row)

    def stage(self, result: StageResult) -> None:
        self.stages.append(result)

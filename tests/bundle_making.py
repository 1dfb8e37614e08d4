"""Bundles that tests share: real ones, of random tokens."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.tokens import PAD, Framing, Tokens
from rebounce.training.bundle import write_bundle
from rebounce.training.bundle_features import feature_shape, feature_type
from rebounce.training.bundle_item import Bundle
from rebounce.training.damage import Applied

FRAMING = Framing(segment_frames=48_000, stride_frames=47_520, hop_frames=320)
CODEBOOKS, CODEBOOK_SIZE = 4, 1024
CODEC_ID = "encodec_48khz-6kbps-0123456789ab"


def random_tokens(frames: int, seed: int = 0) -> Tokens:
    """Tokens as a codec would make them of so many frames."""
    rng = np.random.default_rng(seed)
    counts = FRAMING.token_counts(frames)
    codes = rng.integers(0, CODEBOOK_SIZE, (len(counts), CODEBOOKS, max(counts, default=0))).astype(np.int16)
    codes[np.broadcast_to(~is_token(frames)[:, np.newaxis], codes.shape)] = PAD
    scales = rng.uniform(0.01, 0.3, len(counts)).astype(np.float32)
    return Tokens(codes=codes, scales=scales, frames=frames, sample_rate_hz=48_000, codec_id=CODEC_ID)


def is_token(frames: int) -> NDArray[np.bool_]:
    """`(segments, tokens)`: where there is audio."""
    counts = FRAMING.token_counts(frames)
    return np.arange(max(counts, default=0)) < np.array(counts, dtype=np.int64).reshape(-1, 1)


def make_bundle(frames: int = 240_000, seed: int = 0, features: Sequence[str] = ()) -> Bundle:
    """A whole bundle; another seed, another track."""
    rng = np.random.default_rng(seed)
    made = {
        name: rng.normal(0, 1, feature_shape(name, frames, FRAMING)).astype(feature_type(name)) for name in features
    }
    if "latents" in made:
        made["latents"][~np.broadcast_to(is_token(frames)[:, None, None], made["latents"].shape)] = 0
    return Bundle(
        clean=random_tokens(frames, 2 * seed),
        damaged=random_tokens(frames, 2 * seed + 1),
        damage=(Applied(fault="gain", parameters={"gain_db": 0.1 + seed}),),
        track_sha256=f"{seed:064x}",
        track_name=f"track {seed}.wav",
        source_sample_rate_hz=44_100,
        source_channels=2,
        start_frame=1234,
        split="train",
        stage="1",
        exercise="token-unet/1",
        seed=7,
        index=0,
        weights_sha256="ab" * 32,
        codebook_size=CODEBOOK_SIZE,
        framing=FRAMING,
        features=made,
    )


def write_bundles(folder: Path, count: int, stage: str = "1", split: str = "train", frames: int = 240_000) -> None:
    """A folder as prepare leaves it: each bundle of another track."""
    for number in range(count):
        bundle = replace(make_bundle(frames + 10_000 * number, number), stage=stage, split=split)
        write_bundle(folder / stage / split / f"{number:016x}-0.safetensors", bundle)

"""Masters to token bundles: what there is to do, and one item of it, in whichever process and order.

    BUNDLES/prepare.json
    BUNDLES/<stage>/<split>/<first 16 hex digits of the track's hash>-<item>.safetensors

What always holds: a bundle is a function of the track's content and name, the settings and the item's number, and of
nothing else; it is in its place whole or not at all, so that a run that was killed is continued by running it again.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rebounce.engine.audio import check_numbers
from rebounce.engine.codec import Codec
from rebounce.engine.errors import BundleError, CodecError, RecipeError, UnsupportedAudio, UsageError
from rebounce.engine.staging import PREFIX
from rebounce.engine.staging import SUFFIX as PART_SUFFIX
from rebounce.training.bundle import SUFFIX, bundle_bytes, read_bundle, write_bundle
from rebounce.training.bundle_features import LATENTS, features_of
from rebounce.training.bundle_item import Bundle
from rebounce.training.codecs import CodecChoice, opened
from rebounce.training.exercise import Exercise, draw_item
from rebounce.training.prepare_settings import Settings
from rebounce.training.tracks import Pair, Track, frames_at, make_pair, split_of

# File systems give whole blocks.
BLOCK_BYTES = 4096
PROBE_S = 2.0
ENCODED_FOR_LATENTS = 3
"""Sides, beside those that become tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What every item of a run has in common; small, since each process gets one."""

    folder: Path
    codec: CodecChoice
    exercises: Mapping[str, Exercise]
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One bundle: `is_there` when it lies in its place already; `most_bytes` is what it may take on disk."""

    track: Track
    stage: str
    index: int
    path: Path
    frames: int
    most_bytes: int
    is_there: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A bundle that was written."""

    bytes_written: int
    seconds: float


def check_stage_names(stages: Sequence[str]) -> None:
    """RecipeError where the name of a stage cannot name its folder too."""
    for stage in stages:
        if not stage.strip(". ") or stage != stage.strip() or set(stage) & set('/\\:*?"<>|\0'):
            raise RecipeError(f"stage {stage!r}: expected a name that can name a folder too; rename the stage")


def plan(preparation: Preparation, tracks: Sequence[Track], items: int) -> list[Task]:
    """Every bundle, stage after stage, with those marked that are there and sound."""
    codec = opened(preparation.codec)
    tasks = [
        _task(preparation, codec, track, (stage, index))
        for stage in preparation.exercises
        for track in tracks
        for index in range(items)
    ]
    return [replace(task, is_there=_is_sound(preparation, task)) for task in tasks]


def make(preparation: Preparation, task: Task) -> Made:
    """Draw, damage, encode and write one item."""
    start_s = time.perf_counter()
    codec = opened(preparation.codec)
    settings = preparation.settings
    _check_weights(codec, settings)
    item = draw_item(task.track.sha256, preparation.exercises[task.stage], settings.seed + task.index)
    pair = make_pair(
        task.track, item, seconds=settings.seconds, sample_rate_hz=codec.sample_rate_hz, channels=codec.channels
    )
    _check_damaged(task.track, pair)
    bundle = _bundle(preparation, task, codec, pair)
    # What lies there and is no sound bundle of this run is of no use to anybody.
    written = write_bundle(task.path, bundle, replaces=True)
    return Made(bytes_written=written, seconds=time.perf_counter() - start_s)


def seconds_needed(preparation: Preparation, tasks: Sequence[Task]) -> float:
    """How long one job would take for them, from a few seconds of noise encoded here and now."""
    codec = opened(preparation.codec)
    # Whole strides, as a codec works off whole windows however little of the last one there is.
    stride = codec.framing.stride_frames
    frames = max(1, round(PROBE_S * codec.sample_rate_hz / stride)) * stride
    noise = np.random.default_rng(0).normal(0, 0.1, (codec.channels, frames)).astype(np.float32)
    codec.encode(noise[:, : codec.sample_rate_hz])  # the first call prepares what the others use
    start_s = time.perf_counter()
    codec.encode(noise)
    seconds_per_frame = (time.perf_counter() - start_s) / frames
    more = ENCODED_FOR_LATENTS if LATENTS in preparation.settings.features else 0
    sides = [more + (2 if preparation.exercises[task.stage].count != (0, 0) else 1) for task in tasks]
    return seconds_per_frame * sum(task.frames * count for task, count in zip(tasks, sides, strict=True))


def sweep(folder: Path) -> None:
    """Remove what a killed run left half-written."""
    for part in folder.glob(f"*/*/{PREFIX}*{PART_SUFFIX}"):
        part.unlink(missing_ok=True)


def _bundle(preparation: Preparation, task: Task, codec: Codec, pair: Pair) -> Bundle:
    """Both sides as tokens, and where they come from."""
    clean = codec.encode(pair.clean)
    return Bundle(
        clean=clean,
        damaged=codec.encode(pair.damaged) if pair.damage else clean,
        damage=pair.damage,
        track_sha256=task.track.sha256,
        track_name=task.track.path.name,
        source_sample_rate_hz=task.track.sample_rate_hz,
        source_channels=task.track.channels,
        start_frame=pair.start_frame,
        split=split_of(task.track.sha256),
        stage=task.stage,
        exercise=preparation.exercises[task.stage].name,
        seed=preparation.settings.seed,
        index=task.index,
        weights_sha256=codec.weights_sha256,
        codebook_size=codec.codebook_size,
        framing=codec.framing,
        features=features_of((pair.clean, pair.damaged), codec, preparation.settings.features),
    )


def _task(preparation: Preparation, codec: Codec, track: Track, item: tuple[str, int]) -> Task:
    stage, index = item
    settings = preparation.settings
    frames = min(frames_at(track, codec.sample_rate_hz), max(1, round(settings.seconds * codec.sample_rate_hz)))
    size = bundle_bytes(codec.framing, codec.codebooks, frames, settings.features)
    name = f"{track.sha256[:16]}-{index}{SUFFIX}"
    return Task(
        track=track,
        stage=stage,
        index=index,
        path=preparation.folder / stage / split_of(track.sha256) / name,
        frames=frames,
        most_bytes=-(-size // BLOCK_BYTES) * BLOCK_BYTES,
    )


def _is_sound(preparation: Preparation, task: Task) -> bool:
    """True where the very bundle that the task would make lies in its place already."""
    if not task.path.exists():
        return False
    try:
        found = read_bundle(task.path, features=preparation.settings.features)
    except BundleError:
        return False
    settings, exercise = preparation.settings, preparation.exercises[task.stage]
    damage = draw_item(task.track.sha256, exercise, settings.seed + task.index).damage
    wanted = (
        *(task.track.sha256, split_of(task.track.sha256), task.stage, exercise.name, task.index, settings.seed),
        *(settings.codec_id, settings.weights_sha256, settings.features, task.frames, damage),
    )
    there = (
        *(found.track_sha256, found.split, found.stage, found.exercise, found.index, found.seed),
        *(found.clean.codec_id, found.weights_sha256, tuple(sorted(found.features)), found.clean.frames, found.damage),
    )
    return wanted == there


def _check_weights(codec: Codec, settings: Settings) -> None:
    if codec.weights_sha256 != settings.weights_sha256:
        raise CodecError(
            f"codec {codec.codec_id}: expected weights with the hash {settings.weights_sha256[:16]}, found "
            f"{codec.weights_sha256[:16]}; the file was replaced while it was in use: run the command again"
        )


def _check_damaged(track: Track, pair: Pair) -> None:
    """Masters were looked at when they were read; what comes out of a hosted plugin was not."""
    try:
        check_numbers(pair.damaged)
    except UsageError as problem:
        faults = ", ".join(applied.fault for applied in pair.damage)
        raise UnsupportedAudio(
            f"{track.path}: after {faults}: {problem}; leave that fault out of the recipe"
        ) from problem

"""One token bundle: both sides of one item as tokens, and everything that is known about it, in one safetensors file.

The tensors are `clean.codes` and `damaged.codes` (int16 `(segments, codebooks, tokens)`), `clean.scales` and
`damaged.scales` (float32 `(segments,)`) and one float16 `feature.NAME` for each feature; all else is one JSON text in
the header. What always holds: nothing in the file can run; the same bundle gives the same bytes; what `read_bundle`
returns has been checked, so that a damaged or foreign file is an error that names it and never wrong training data.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from rebounce.engine.codec import check_values
from rebounce.engine.errors import BundleError, CodecError, UsageError
from rebounce.engine.staging import Staged, check_room, output_errors
from rebounce.engine.tokens import Framing, Tokens
from rebounce.training.bundle_features import feature_shape
from rebounce.training.damage import Damage, damage_from_data, damage_to_data

SUFFIX = ".safetensors"
VERSION = 1
METADATA_KEY = "rebounce-bundle"
SIDES = ("clean", "damaged")
FEATURE_PREFIX = "feature."
# What the header of a bundle takes at most; measured with five faults: 2 kB.
HEADER_BYTES = 8192

Feature = NDArray[np.float16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An item of training: `clean` and `damaged` tokens of the same frames, and how the one became the other.

    `seed` is the run's; the item was drawn with `seed + index`. `start_frame` counts at the tokens' own rate.
    `source_sample_rate_hz` and `source_channels` are those of the master, which need not be the codec's.
    """

    clean: Tokens
    damaged: Tokens
    damage: Damage
    track_sha256: str
    track_name: str
    source_sample_rate_hz: int
    source_channels: int
    start_frame: int
    split: str
    stage: str
    exercise: str
    seed: int
    index: int
    weights_sha256: str
    codebook_size: int
    framing: Framing
    features: Mapping[str, Feature] = field(default_factory=dict)


def bundle_bytes(framing: Framing, codebooks: int, frames: int, features: Sequence[str] = ()) -> int:
    """The most that a bundle of an item of that many frames takes on disk."""
    counts = framing.token_counts(frames)
    tokens = len(counts) * codebooks * max(counts, default=0)
    values = sum(int(np.prod(feature_shape(name, frames))) for name in features)
    return len(SIDES) * (2 * tokens + 4 * len(counts)) + 2 * values + HEADER_BYTES


def write_bundle(path: Path, bundle: Bundle, *, replaces: bool = False) -> int:
    """Write the file whole or not at all, making its folder; returns its size in bytes."""
    tensors: dict[str, NDArray[Any]] = {}
    for side in SIDES:
        tokens: Tokens = getattr(bundle, side)
        tensors[f"{side}.codes"] = np.ascontiguousarray(tokens.codes)
        tensors[f"{side}.scales"] = np.ascontiguousarray(tokens.scales, dtype=np.float32)
    for name, values in bundle.features.items():
        tensors[FEATURE_PREFIX + name] = np.ascontiguousarray(values, dtype=np.float16)
    # One text under one key: safetensors keeps several keys in no fixed order, and equal bundles are equal bytes.
    text = json.dumps(_facts(bundle), allow_nan=False, sort_keys=True, separators=(",", ":"))
    content = save(tensors, metadata={METADATA_KEY: text})
    check_room(path, len(content))
    with Staged(path, replaces=replaces) as staged:
        with output_errors(path, len(content)):
            staged.file.write(content)
        staged.publish()
    return len(content)


def read_bundle(path: Path, features: Sequence[str] | None = None) -> Bundle:
    """The bundle with the features that are named, or with all there are; what is not asked for is not read.

    BundleError, with the file's name, for anything that is not a whole and sound bundle of this version.
    """
    try:
        with safe_open(path, framework="np") as file:
            return _read(path, file, features)
    except (OSError, SafetensorError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise _bad(path, f"expected a token bundle, found a file that cannot be read as one ({reason})") from problem
    except (LookupError, TypeError, ValueError, UsageError) as problem:
        found = f"found a header that cannot be understood ({type(problem).__name__}: {problem})"
        raise _bad(path, f"expected a whole description of the item, {found}") from problem


def _facts(bundle: Bundle) -> dict[str, Any]:
    """Everything that is no tensor, as JSON takes it."""
    framing = bundle.framing
    return {
        "version": VERSION,
        "damage": damage_to_data(bundle.damage),
        "track": {
            "sha256": bundle.track_sha256,
            "name": bundle.track_name,
            "sample_rate_hz": bundle.source_sample_rate_hz,
            "channels": bundle.source_channels,
        },
        "item": {
            "stage": bundle.stage,
            "exercise": bundle.exercise,
            "split": bundle.split,
            "seed": bundle.seed,
            "index": bundle.index,
            "start_frame": bundle.start_frame,
            "frames": bundle.clean.frames,
        },
        "codec": {
            "id": bundle.clean.codec_id,
            "weights_sha256": bundle.weights_sha256,
            "sample_rate_hz": bundle.clean.sample_rate_hz,
            "codebook_size": bundle.codebook_size,
            "segment_frames": framing.segment_frames,
            "stride_frames": framing.stride_frames,
            "hop_frames": framing.hop_frames,
        },
    }


def _read(path: Path, file: Any, features: Sequence[str] | None) -> Bundle:
    facts = _read_facts(path, file)
    track, item, codec = facts["track"], facts["item"], facts["codec"]
    framing = _framing(codec)
    clean, damaged = (_read_tokens(path, file, side, facts) for side in SIDES)
    if clean.codes.shape != damaged.codes.shape:
        found = f"{clean.codes.shape[1]} and {damaged.codes.shape[1]}"
        raise _bad(path, f"expected as many codebooks on both sides, found {found}")
    return Bundle(
        clean=clean,
        damaged=damaged,
        damage=damage_from_data(facts["damage"]),
        track_sha256=track["sha256"],
        track_name=track["name"],
        source_sample_rate_hz=track["sample_rate_hz"],
        source_channels=track["channels"],
        start_frame=item["start_frame"],
        split=item["split"],
        stage=item["stage"],
        exercise=item["exercise"],
        seed=item["seed"],
        index=item["index"],
        weights_sha256=codec["weights_sha256"],
        codebook_size=codec["codebook_size"],
        framing=framing,
        features=_read_features(path, file, features, clean.frames),
    )


def _read_facts(path: Path, file: Any) -> dict[str, Any]:
    text = (file.metadata() or {}).get(METADATA_KEY)
    if text is None:
        raise _bad(path, "expected a token bundle, found a safetensors file of another kind")
    facts: dict[str, Any] = json.loads(text)
    if facts["version"] != VERSION:
        raise _bad(path, f"expected a bundle of version {VERSION}, found version {facts['version']!r}")
    return facts


def _framing(codec: Mapping[str, Any]) -> Framing:
    segment, stride, hop = (codec[name] for name in ("segment_frames", "stride_frames", "hop_frames"))
    if not 0 < hop <= stride <= segment:
        raise ValueError(f"segments of {segment} frames every {stride}, {hop} a token")
    return Framing(segment_frames=segment, stride_frames=stride, hop_frames=hop)


def _read_tokens(path: Path, file: Any, side: str, facts: Mapping[str, Any]) -> Tokens:
    names = (f"{side}.codes", f"{side}.scales")
    missing = sorted(set(names) - set(file.keys()))
    if missing:
        raise _bad(path, f"expected the tensors {' and '.join(names)}, found no {missing[0]}")
    codes, scales = (file.get_tensor(name) for name in names)
    codec, frames = facts["codec"], facts["item"]["frames"]
    counts = _framing(codec).token_counts(frames)
    _check_shapes(path, side, codes, scales, counts)
    tokens = Tokens(
        codes=codes, scales=scales, frames=frames, sample_rate_hz=codec["sample_rate_hz"], codec_id=codec["id"]
    )
    try:
        check_values(tokens, counts, codec["codebook_size"])
    except CodecError as problem:
        raise _bad(path, f"{side} {problem}") from problem
    return tokens


def _check_shapes(
    path: Path, side: str, codes: NDArray[Any], scales: NDArray[Any], token_counts: Sequence[int]
) -> None:
    """As many segments, scales and tokens as the item's frames come to."""
    segments, tokens = len(token_counts), max(token_counts, default=0)
    is_codes_right = (
        codes.dtype == np.int16 and codes.ndim == 3 and (codes.shape[0], codes.shape[2]) == (segments, tokens)
    )
    if not is_codes_right:
        wanted = f"int16 ({segments}, codebooks, {tokens})"
        raise _bad(path, f"expected {side}.codes {wanted} for its frames, found {codes.dtype} {codes.shape}")
    if scales.dtype != np.float32 or scales.shape != (segments,):
        raise _bad(path, f"expected {side}.scales float32 ({segments},), found {scales.dtype} {scales.shape}")


def _read_features(path: Path, file: Any, names: Sequence[str] | None, frames: int) -> dict[str, Feature]:
    """All features are looked at, and only those asked for are read."""
    there = {name.removeprefix(FEATURE_PREFIX): name for name in file.keys() if name.startswith(FEATURE_PREFIX)}  # noqa: SIM118 - no dict
    for name, tensor in there.items():
        found = file.get_slice(tensor)
        shape, kind = tuple(found.get_shape()), found.get_dtype()
        if shape != feature_shape(name, frames) or kind != "F16":
            raise _bad(path, f"expected {tensor} F16 {feature_shape(name, frames)}, found {kind} {shape}")
    absent = [name for name in names or () if name not in there]
    if absent:
        raise BundleError(
            f"{path}: expected the feature {absent[0]}, found {', '.join(there) or 'none'}; prepare into a new folder "
            f"with --features {','.join(names or ())}, or do not ask for it"
        )
    return {name: file.get_tensor(there[name]) for name in (there if names is None else names)}


def _bad(path: Path, what: str) -> BundleError:
    return BundleError(f"{path}: {what}; delete it and run prepare again")

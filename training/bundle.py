"""One token bundle: both sides of one item as tokens, and everything that is known about it, in one safetensors file.

The tensors are `clean.codes` and `damaged.codes` (int16 `(segments, codebooks, tokens)`), `clean.scales` and
`damaged.scales` (float32 `(segments,)`) and one `feature.NAME` for each feature; all else is one JSON text in
the header. What always holds: nothing in the file can run; the same bundle gives the same bytes; what `read_bundle`
returns has been checked, hashes included, so that a damaged or foreign file is an error that names it and never wrong
training data.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from rebounce.engine.errors import BundleError, CodecError, UsageError
from rebounce.engine.staging import Staged, check_room, output_errors
from rebounce.engine.tokens import Framing, Tokens
from rebounce.training.bundle_facts import Facts, facts_of, read_facts, sealed_text
from rebounce.training.bundle_features import FEATURES, feature_shape, feature_type
from rebounce.training.bundle_item import SIDES, Bundle

SUFFIX = ".safetensors"
METADATA_KEY = "rebounce-bundle"
FEATURE_PREFIX = "feature."
# What the header of a bundle takes at most; measured with five faults: 2.6 kB.
HEADER_BYTES = 8192

TOKEN_TENSORS = tuple(f"{side}.{part}" for side in SIDES for part in ("codes", "scales"))


def bundle_bytes(framing: Framing, codebooks: int, frames: int, features: Sequence[str] = ()) -> int:
    """The most that a bundle of an item of that many frames takes on disk."""
    counts = framing.token_counts(frames)
    tokens = len(counts) * codebooks * max(counts, default=0)
    of_features = sum(
        feature_type(name).itemsize * int(np.prod(feature_shape(name, frames, framing))) for name in features
    )
    return len(SIDES) * (2 * tokens + 4 * len(counts)) + of_features + HEADER_BYTES


def write_bundle(path: Path, bundle: Bundle, *, replaces: bool = False) -> int:
    """Write the file whole or not at all, making its folder; returns its size in bytes."""
    tensors = _tensors(bundle)
    hashes = {name: tensor_sha256(values) for name, values in tensors.items()}
    # One text under one key: safetensors keeps several keys in no fixed order, and equal bundles are equal bytes.
    text = sealed_text({**facts_of(bundle), "tensors": hashes})
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
    if isinstance(features, str):
        raise UsageError(f"features: expected a list of names, found the text {features!r}; write [{features!r}]")
    try:
        with safe_open(path, framework="np") as file:
            return _read(path, file, features)
    except (OSError, SafetensorError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise _bad(path, f"expected a token bundle, found a file that cannot be read as one ({reason})") from problem
    # A header of a hundred thousand brackets is a RecursionError, a tensor of a kind that numpy lacks a TypeError.
    except (ValueError, TypeError, LookupError, RecursionError, UsageError, CodecError) as problem:
        raise _bad(path, f"not a sound bundle: {problem}") from problem


def tensor_sha256(values: NDArray[Any]) -> str:
    """Of its bytes as they stand in the file."""
    return hashlib.sha256(values.tobytes()).hexdigest()


def _tensors(bundle: Bundle) -> dict[str, NDArray[Any]]:
    tensors: dict[str, NDArray[Any]] = {}
    for side in SIDES:
        tokens: Tokens = getattr(bundle, side)
        tensors[f"{side}.codes"] = np.ascontiguousarray(tokens.codes)
        tensors[f"{side}.scales"] = np.ascontiguousarray(tokens.scales)
    for name, values in bundle.features.items():
        tensors[FEATURE_PREFIX + name] = np.ascontiguousarray(values)
    return tensors


def _read(path: Path, file: Any, features: Sequence[str] | None) -> Bundle:
    text = (file.metadata() or {}).get(METADATA_KEY)
    if text is None:
        raise _bad(path, "expected a token bundle, found a safetensors file of another kind")
    facts = read_facts(text)
    track, item, codec = facts.table("track"), facts.table("item"), facts.table("codec")
    there = _features_there(file, facts)
    _check_asked(path, there, features)
    clean, damaged = (_read_tokens(file, side, facts) for side in SIDES)
    return Bundle(
        clean=clean,
        damaged=damaged,
        damage=facts.damage("damage"),
        track_sha256=track.sha256("sha256"),
        track_name=track.text("name"),
        source_sample_rate_hz=track.whole("sample_rate_hz", 1),
        source_channels=track.whole("channels", 1),
        start_frame=item.whole("start_frame"),
        split=item.text("split"),
        stage=item.text("stage"),
        exercise=item.text("exercise"),
        seed=item.whole("seed"),
        index=item.whole("index"),
        weights_sha256=codec.sha256("weights_sha256"),
        codebook_size=codec.whole("codebook_size", 1),
        framing=codec.framing(),
        features={
            name: _read_tensor(file, FEATURE_PREFIX + name, facts) for name in (there if features is None else features)
        },
    )


def _read_tokens(file: Any, side: str, facts: Facts) -> Tokens:
    codec = facts.table("codec")
    try:
        return Tokens(
            codes=_read_tensor(file, f"{side}.codes", facts),
            scales=_read_tensor(file, f"{side}.scales", facts),
            frames=facts.table("item").whole("frames"),
            sample_rate_hz=codec.whole("sample_rate_hz", 1),
            codec_id=codec.text("id"),
        )
    except UsageError as problem:
        raise UsageError(f"{side} {problem}") from problem


def _read_tensor(file: Any, name: str, facts: Facts) -> NDArray[Any]:
    values: NDArray[Any] = file.get_tensor(name)
    expected, found = facts.table("tensors").sha256(name), tensor_sha256(values)
    if found != expected:
        raise ValueError(f"tensor {name}: expected the SHA-256 {expected[:12]}, found {found[:12]}; it is damaged")
    return values


def _features_there(file: Any, facts: Facts) -> list[str]:
    """The features in the file; every tensor's name is looked at, and every feature's shape, but nothing is read."""
    hashes = facts.table("tensors").values
    there = [name.removeprefix(FEATURE_PREFIX) for name in hashes if name.startswith(FEATURE_PREFIX)]
    expected = {*TOKEN_TENSORS, *(FEATURE_PREFIX + name for name in there if name in FEATURES)}
    odd = sorted((expected ^ set(hashes)) | (expected ^ set(file.keys())))
    if odd:
        raise ValueError(f"expected the tensors {', '.join(sorted(expected))}, found {odd[0]} missing or in excess")
    for name in there:
        tensor = file.get_slice(FEATURE_PREFIX + name)
        shape, kind = tuple(tensor.get_shape()), tensor.get_dtype()
        wanted = feature_shape(name, facts.table("item").whole("frames"), facts.table("codec").framing())
        wanted_kind = f"F{8 * feature_type(name).itemsize}"
        if shape != wanted or kind != wanted_kind:
            raise ValueError(f"expected {FEATURE_PREFIX}{name} {wanted_kind} {wanted}, found {kind} {shape}")
    return there


def _check_asked(path: Path, there: Sequence[str], asked: Sequence[str] | None) -> None:
    absent = [name for name in asked or () if name not in there]
    if absent:
        raise BundleError(
            f"{path}: expected the feature {absent[0]}, found {', '.join(there) or 'none'}; prepare into a new folder "
            f"with --features {','.join(asked or ())}, or do not ask for it"
        )


def _bad(path: Path, what: str) -> BundleError:
    return BundleError(f"{path}: {what}; delete it and run prepare again")

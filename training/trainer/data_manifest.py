"""Which bundles a training learns from, as one hash, from their headers alone.

A header is sealed and holds the hash of every tensor, so that its text stands for the whole bundle; reading it takes a
tenth of a millisecond. Where the bundles lie does not count, nor in which of several folders.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from rebounce.engine.errors import BundleError
from rebounce.training.bundle import FEATURE_PREFIX, METADATA_KEY
from rebounce.training.bundle_facts import read_facts
from rebounce.training.dataset import BundleDataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What there is to know of a data set before it is read: `segments` of each of its items, in its own order."""

    sha256: str
    segments: tuple[int, ...]


def manifest_of(dataset: BundleDataset) -> Manifest:
    """The manifest of the bundles of a data set; BundleError for one that is of another codec, or damaged."""
    headers = [_header(path, dataset) for path in dataset.paths]
    return Manifest(sha256=joined(digest for digest, _ in headers), segments=tuple(segments for _, segments in headers))


def joined(digests: Iterable[str]) -> str:
    """One hash of several, whatever their order."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def _header(path: Path, dataset: BundleDataset) -> tuple[str, int]:
    try:
        with safe_open(path, framework="np") as file:
            text = (file.metadata() or {})[METADATA_KEY]
        facts = read_facts(text)
        codec_id, frames = facts.table("codec").text("id"), facts.table("item").whole("frames")
        there = facts.table("tensors").values
    except (OSError, SafetensorError, ValueError, LookupError, TypeError, RecursionError) as problem:
        raise BundleError(
            f"{path}: expected a token bundle, found a file that cannot be read as one ({problem}); delete it and run "
            "prepare again"
        ) from problem
    if codec_id != dataset.codec_id:
        raise BundleError(
            f"{path}: expected tokens of {dataset.codec_id}, like {dataset.paths[0]}, found those of {codec_id}; leave "
            "one of the folders out, or prepare both with one codec"
        )
    absent = [name for name in dataset.features if FEATURE_PREFIX + name not in there]
    if absent:
        raise BundleError(
            f"{path}: expected the feature {absent[0]}, which this training needs, found none; prepare these masters "
            f"into a new folder with --features {','.join(dataset.features)}"
        )
    return hashlib.sha256(text.encode()).hexdigest(), dataset.framing.segments(frames)

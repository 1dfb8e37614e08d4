"""What a bundle holds, and what must be so, whoever makes one: `prepare`, a test, or the reader of a file.

What always holds: both sides of a `Bundle` are tokens of one codec and of equally many frames, every code is an entry
of its codebook, every feature has the shape that its frames ask for, and all of it is numbers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rebounce.engine.codec import check_content
from rebounce.engine.errors import CodecError, UsageError
from rebounce.engine.tokens import Framing, Tokens
from rebounce.training.bundle_features import FEATURES, Feature, feature_shape, feature_type
from rebounce.training.damage import Damage

SIDES = ("clean", "damaged")
SPLITS = ("train", "validation", "test")

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bundle:
    """An item of training: `clean` and `damaged` tokens of the same frames, and how the one became the other.

    `seed` is the run's; the item was drawn with `seed + index`. `start_frame` counts at the tokens' own rate.
    `source_sample_rate_hz` and `source_channels` are those of the master, which need not be the codec's. UsageError or
    CodecError for what cannot be.
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

    def __post_init__(self) -> None:
        _check_sides(self)
        _check_facts(self)
        for name, values in self.features.items():
            _check_feature(name, values, self)


def _check_sides(bundle: Bundle) -> None:
    clean, damaged = bundle.clean, bundle.damaged
    for what in ("codec_id", "sample_rate_hz", "frames"):
        one, other = getattr(clean, what), getattr(damaged, what)
        if one != other:
            raise UsageError(f"bundle: expected the same {what} on both sides, found {one} and {other}")
    codebooks = clean.codes.shape[1]
    if damaged.codes.shape[1] != codebooks:
        raise UsageError(
            f"bundle: expected as many codebooks on both sides, found {codebooks} and {damaged.codes.shape[1]}"
        )
    if not codebooks or not 0 < bundle.codebook_size <= np.iinfo(np.int16).max + 1:
        raise UsageError(
            "bundle: expected a codebook or more, of entries that fit into int16, "
            f"found {codebooks} of {bundle.codebook_size}"
        )
    for side in SIDES:
        try:
            check_content(getattr(bundle, side), bundle.framing, codebooks, bundle.codebook_size)
        except CodecError as problem:
            raise CodecError(f"{side} {problem}") from problem


def _check_facts(bundle: Bundle) -> None:
    for name in ("track_sha256", "weights_sha256"):
        if not _SHA256.fullmatch(getattr(bundle, name)):
            raise UsageError(f"bundle: {name}: expected 64 hex digits, found {getattr(bundle, name)!r}")
    least = {"source_sample_rate_hz": 1, "source_channels": 1, "start_frame": 0, "seed": 0, "index": 0}
    for name, lowest in least.items():
        if getattr(bundle, name) < lowest:
            raise UsageError(f"bundle: {name}: expected {lowest} or more, found {getattr(bundle, name)}")
    if bundle.split not in SPLITS:
        raise UsageError(f"bundle: split: expected {', '.join(SPLITS)}, found {bundle.split!r}")
    for name in ("stage", "exercise"):
        if not getattr(bundle, name):
            raise UsageError(f"bundle: {name}: expected a name, found none")


def _check_feature(name: str, values: Feature, bundle: Bundle) -> None:
    if name not in FEATURES:
        raise UsageError(f"bundle: expected features of {', '.join(FEATURES)}, found {name!r}")
    shape, kind = feature_shape(name, bundle.clean.frames, bundle.framing), feature_type(name)
    if values.shape != shape or values.dtype != kind:
        raise UsageError(f"bundle: expected feature.{name} {kind} {shape}, found {values.dtype} {values.shape}")
    if not np.isfinite(values).all():
        place = tuple(map(int, np.argwhere(~np.isfinite(values))[0]))
        raise UsageError(
            f"bundle: expected numbers in feature.{name}, found {values[place]} in row {place[0]}, column {place[-1]}"
        )

"""Bundles as a network takes them: a torch `Dataset` of one item each, and batches in an order that is always the same.

What always holds: which bundles, windows and batches come out, and in which order, depends on the folders, the seed
and the epoch alone, never on the number of workers nor on how fast they are; a bundle that cannot be used is an error
that names its file.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from rebounce.engine.errors import BundleError, UsageError
from rebounce.engine.tokens import PAD
from rebounce.training.bundle import SUFFIX, read_bundle
from rebounce.training.bundle_features import FEATURES, HOP_FRAMES, OF_SEGMENTS, Feature
from rebounce.training.bundle_item import SPLITS, Bundle

Sample = dict[str, torch.Tensor]
"""One item, or a batch of them with one more dimension in front; S segments, K codebooks, T tokens.

`codes_clean`, `codes_damaged` int64 `(S, K, T)` with `PAD` (-1) where `is_token` bool `(S, T)` is false;
`scales_clean`, `scales_damaged` float32 `(S,)`; `frames` int64 and `index` int64, the item's number in the data set;
and float32 for each feature that was asked for: `(rows, columns)` of a spectrogram, `(S, 25)` of the
measures, `(S, 3, 128, T)` of the latents.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Which part of an item to give: `segments` that follow each other, from a place drawn anew in each epoch."""

    segments: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.segments < 1:
            raise UsageError(f"windows: expected 1 segment or more, found {self.segments}")
        if self.seed < 0:
            raise UsageError(f"windows: expected a seed of 0 or more, found {self.seed}")

    def first(self, index: int, epoch: int, segments: int) -> int:
        """Where the window of an item of so many segments begins; 0 where the item is no longer than it."""
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, epoch, index])))
        return int(rng.random() * (max(segments - self.segments, 0) + 1))


class BundleDataset(Dataset[Sample]):
    """The bundles of one split, in the order of the folders, the stages and their names.

    `dataset[index]` is an item of epoch 0; `dataset[index, epoch]` of another, which matters with `windows` only.
    """

    def __init__(
        self,
        folders: str | Path | Iterable[str | Path],
        *,
        split: str = "train",
        stages: Sequence[str] | None = None,
        features: Sequence[str] = (),
        windows: Windows | None = None,
    ) -> None:
        _check_choice(split, stages, features)
        given = [folders] if isinstance(folders, str | Path) else folders
        self.folders = tuple(Path(folder) for folder in given)
        self.paths = _bundles(self.folders, split, stages)
        self.features = tuple(features)
        self._windows = windows
        if not self.paths:
            named = f"stage {', '.join(stages)}" if stages else "any stage"
            raise UsageError(
                f"{', '.join(map(str, self.folders))}: expected bundles of split {split!r} in {named}, found none; "
                "make some with rebounce prepare (a handful of masters may all fall into one split)"
            )
        first = read_bundle(self.paths[0], features=self.features)
        self._kind = _kind_of(first)
        self.codec_id, self.codebook_size = first.clean.codec_id, first.codebook_size
        self.codebooks, self.framing = first.clean.codes.shape[1], first.framing

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        given, epoch = key if isinstance(key, tuple) else (key, 0)
        index = range(len(self))[given]
        bundle = self.bundle(index, self.features)
        segments = len(bundle.clean.scales)
        first = self._windows.first(index, epoch, segments) if self._windows else 0
        count = min(self._windows.segments, segments) if self._windows else segments
        return self._sample(index, bundle, slice(first, first + count))

    def bundle(self, index: int, features: Sequence[str] = ()) -> Bundle:
        """All that is known about an item, its damage too."""
        path = self.paths[index]
        bundle = read_bundle(path, features)
        _check_place(path, bundle)
        kind = _kind_of(bundle)
        for what, expected in self._kind.items():
            if kind[what] != expected:
                raise BundleError(
                    f"{path}: expected tokens of {what} {expected}, like {self.paths[0]}, found {kind[what]}; leave "
                    "one of the folders out, or prepare both with one codec"
                )
        return bundle

    def _sample(self, index: int, bundle: Bundle, segments: slice) -> Sample:
        start = segments.start * self.framing.stride_frames
        end = min(bundle.clean.frames, (segments.stop - 1) * self.framing.stride_frames + self.framing.segment_frames)
        codes = bundle.clean.codes[segments].astype(np.int64)
        sample = {
            "codes_clean": torch.from_numpy(codes),
            "codes_damaged": torch.from_numpy(bundle.damaged.codes[segments].astype(np.int64)),
            "is_token": torch.from_numpy(codes[:, 0] != PAD),
            "scales_clean": torch.from_numpy(bundle.clean.scales[segments].copy()),
            "scales_damaged": torch.from_numpy(bundle.damaged.scales[segments].copy()),
            "frames": torch.tensor(max(end - start, 0)),
            "index": torch.tensor(index),
        }
        for name in self.features:
            values = bundle.features[name]
            part = values[segments] if name in OF_SEGMENTS else _columns(values, start, end)
            sample[name] = torch.from_numpy(part.astype(np.float32))
        return sample


def _kind_of(bundle: Bundle) -> dict[str, object]:
    """What the tokens of one training have in common."""
    return {
        "codec": bundle.clean.codec_id,
        "weights": bundle.weights_sha256,
        "codebooks": bundle.clean.codes.shape[1],
        "codebook size": bundle.codebook_size,
        "framing": bundle.framing,
    }


def _check_place(path: Path, bundle: Bundle) -> None:
    """A bundle that was moved to another split would be learnt from and judged by."""
    found, said = (path.parent.parent.name, path.parent.name), (bundle.stage, bundle.split)
    if found != said:
        raise BundleError(
            f"{path}: expected a bundle of stage {found[0]!r} and split {found[1]!r}, as its folders say, found one of "
            f"{said[0]!r} and {said[1]!r}; move it back to {'/'.join(said)}"
        )


def _check_choice(split: str, stages: Sequence[str] | None, features: Sequence[str]) -> None:
    """UsageError for what no folder can have."""
    if split not in SPLITS:
        raise UsageError(f"split: expected {', '.join(SPLITS)}, found {split!r}")
    for name, chosen in (("stages", stages), ("features", features)):
        if isinstance(chosen, str):
            raise UsageError(f"{name}: expected a list of names, found the text {chosen!r}; write [{chosen!r}]")
        if chosen is not None and len(set(chosen)) != len(chosen):
            raise UsageError(f"{name}: expected each once, found {', '.join(chosen)}")
    if stages is not None and not stages:
        raise UsageError("stages: expected one at least, or None for all of them, found none")
    unknown = [name for name in features if name not in FEATURES]
    if unknown:
        raise UsageError(f"features: expected {', '.join(FEATURES)}, found {unknown[0]!r}")


def _columns(feature: Feature, start_frame: int, end_frame: int) -> Feature:
    """A stretch of a spectrogram: as many columns as its length asks for, from the one that is nearest to its start."""
    first = round(start_frame / HOP_FRAMES)
    return feature[:, first : first + 1 + (end_frame - start_frame) // HOP_FRAMES]


def _bundles(folders: Sequence[Path], split: str, stages: Sequence[str] | None) -> list[Path]:
    """The bundles of all folders, stage after stage; UsageError for a stage that none of them has."""
    there = {folder: _stages_in(folder) for folder in folders}
    found = sorted({name for names in there.values() for name in names})
    missing = [stage for stage in stages or () if stage not in found]
    if missing:
        raise UsageError(
            f"{', '.join(map(str, folders))}: expected stage {missing[0]!r}, found {', '.join(found) or 'no stage'}; "
            f"make it with rebounce prepare --stages {missing[0]}"
        )
    return [
        path
        for folder, names in there.items()
        for stage in stages or names
        for path in sorted((folder / stage / split).glob(f"*{SUFFIX}"))
    ]


def _stages_in(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: expected a folder of bundles, found none; make one with rebounce prepare")
    return sorted(path.name for path in folder.iterdir() if path.is_dir())

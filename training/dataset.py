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
from numpy.typing import NDArray
from torch.utils.data import Dataset

from rebounce.engine.errors import BundleError, UsageError
from rebounce.engine.tokens import PAD
from rebounce.training.bundle import SUFFIX, Bundle, read_bundle
from rebounce.training.bundle_features import HOP_FRAMES

Sample = dict[str, torch.Tensor]
"""One item, or a batch of them with one more dimension in front; S segments, K codebooks, T tokens.

`codes_clean`, `codes_damaged` int64 `(S, K, T)` with `PAD` (-1) where `is_token` bool `(S, T)` is false;
`scales_clean`, `scales_damaged` float32 `(S,)`; `frames` int64 and `index` int64, the item's number in the data set;
and float32 `(rows, columns)` for each feature that was asked for.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Which part of an item to give: `segments` that follow each other, from a place drawn anew in each epoch."""

    segments: int
    seed: int = 0

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
        given = [folders] if isinstance(folders, str | Path) else folders
        self.folders = tuple(Path(folder) for folder in given)
        self.paths = [path for folder in self.folders for path in _bundles(folder, split, stages)]
        self._features = tuple(features)
        self._windows = windows
        if not self.paths:
            named = f"stage {', '.join(stages)}" if stages else "any stage"
            raise UsageError(
                f"{', '.join(map(str, self.folders))}: expected bundles of split {split!r} in {named}, found none; "
                "make some with rebounce prepare (a handful of masters may all fall into one split)"
            )
        first = read_bundle(self.paths[0], features=())
        self.codec_id, self.codebook_size = first.clean.codec_id, first.codebook_size
        self.codebooks, self.framing = first.clean.codes.shape[1], first.framing

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        index, epoch = key if isinstance(key, tuple) else (key, 0)
        bundle = self.bundle(index, self._features)
        segments = len(bundle.clean.scales)
        first = self._windows.first(index, epoch, segments) if self._windows else 0
        count = min(self._windows.segments, segments) if self._windows else segments
        return self._sample(index, bundle, slice(first, first + count))

    def bundle(self, index: int, features: Sequence[str] = ()) -> Bundle:
        """All that is known about an item, its damage too."""
        path = self.paths[index]
        bundle = read_bundle(path, features)
        found = (bundle.clean.codec_id, bundle.clean.codes.shape[1])
        if found != (self.codec_id, self.codebooks):
            raise BundleError(
                f"{path}: expected tokens of {self.codec_id} in {self.codebooks} codebooks, like {self.paths[0]}, "
                f"found {found[0]} in {found[1]}; leave one of the folders out, or prepare both with one codec"
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
        for name in self._features:
            sample[name] = torch.from_numpy(_columns(bundle.features[name], start, end).astype(np.float32))
        return sample


def _columns(feature: NDArray[np.float16], start_frame: int, end_frame: int) -> NDArray[np.float16]:
    """The columns of a stretch, whose count depends on its length alone; the first is the nearest to its start."""
    first = round(start_frame / HOP_FRAMES)
    return feature[:, first : first + 1 + (end_frame - start_frame) // HOP_FRAMES]


def _bundles(folder: Path, split: str, stages: Sequence[str] | None) -> list[Path]:
    """The bundles of a folder, stage after stage; UsageError for a stage that is not there."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: expected a folder of bundles, found none; make one with rebounce prepare")
    there = sorted(path.name for path in folder.iterdir() if path.is_dir())
    missing = [stage for stage in stages or () if stage not in there]
    if missing:
        raise UsageError(
            f"{folder}: expected stage {missing[0]!r}, found {', '.join(there) or 'no stage'}; "
            f"make it with rebounce prepare --stages {missing[0]}"
        )
    return [path for stage in stages or there for path in sorted((folder / stage / split).glob(f"*{SUFFIX}"))]

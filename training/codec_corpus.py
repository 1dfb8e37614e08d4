"""Music to train a codec on: whole tracks at the codec's rate in one file of 16-bit samples, read in random pieces."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.training.tracks import Track, read_track

_FULL_SCALE = 32_767


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """`samples` int16 `(frames, channels)`, memory-mapped: track after track, `ends` where each ends."""

    samples: NDArray[np.int16]
    ends: tuple[int, ...]

    def piece(self, frames: int, generator: np.random.Generator) -> Audio:
        """A random stretch `(channels, frames)` of one track that is long enough; each moment is as likely."""
        starts = np.concatenate([[0], self.ends[:-1]])
        room = np.maximum(np.array(self.ends) - starts - frames + 1, 0)
        place = int(generator.integers(room.sum()))
        track = int(np.searchsorted(np.cumsum(room), place, side="right"))
        first = int(starts[track] + place - (np.cumsum(room)[track] - room[track]))
        piece: Audio = self.samples[first : first + frames].T.astype(np.float32) / _FULL_SCALE
        return piece


def write_corpus(
    tracks: Iterable[Track], path: Path, sample_rate_hz: int, tell: Callable[[str], None] = lambda text: None
) -> Corpus:
    """Read every track in stereo at that rate into `path`, with `path.json` beside it."""
    ends, end = [], 0
    with path.open("wb") as file:
        for track in tracks:
            audio = read_track(track, sample_rate_hz=sample_rate_hz, channels=2)
            np.ascontiguousarray(np.rint(np.clip(audio, -1, 1) * _FULL_SCALE).astype("<i2").T).tofile(file)
            end += audio.shape[1]
            ends.append(end)
            tell(f"{track.path.name}: {audio.shape[1] / sample_rate_hz:.0f} s")
    path.with_name(path.name + ".json").write_text(json.dumps({"ends": ends}))
    return open_corpus(path)


def open_corpus(path: Path) -> Corpus:
    """What `write_corpus` wrote."""
    ends = json.loads(path.with_name(path.name + ".json").read_text())["ends"]
    return Corpus(samples=np.memmap(path, dtype="<i2", mode="r").reshape(-1, 2), ends=tuple(ends))

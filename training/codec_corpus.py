"""Music to train a codec on: whole tracks at the codec's rate in one file, read in random pieces.

The file holds the samples of all tracks, 16 bits of each in stereo, and at its end what they are: name, hash, length
and licence of each, as JSON. A track that goes beyond full scale is turned down as a whole; a codec takes the level out
anyway. What always holds: a file is whole, or it is no corpus.
"""

import hashlib
import json
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.engine.staging import Staged, check_room, output_errors
from rebounce.training.tracks import Track, frames_at, read_track, split_of

CHANNELS = 2
_FULL_SCALE = 32_767
_FRAME_BYTES = 2 * CHANNELS
_END = struct.Struct("<Q18s")
"""The length of the JSON before it, and what the file is."""

_MAGIC = b"rebounce corpus 1\n"
MOST_TRIES = 1_000
"""So many pieces in a row that are all silent are no music."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusTrack:
    """One track: where its samples stand, and whose they are; `licence` is empty where none was stated."""

    name: str
    sha256: str
    licence: str
    first_frame: int
    frames: int

    @property
    def split(self) -> str:
        """ "train", "validation" or "test"."""
        return split_of(self.sha256)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Corpus:
    """`samples` int16 `(frames, 2)`, memory-mapped, and the tracks that pieces are taken from."""

    samples: NDArray[np.int16]
    sample_rate_hz: int
    tracks: tuple[CorpusTrack, ...]

    @property
    def music_sha256(self) -> str:
        """A hash of which tracks there are, in which order and at which rate."""
        listed = [str(self.sample_rate_hz), *(track.sha256 for track in self.tracks)]
        return hashlib.sha256(" ".join(listed).encode()).hexdigest()

    def of_splits(self, *splits: str) -> "Corpus":
        """The tracks of these splits alone."""
        return replace(self, tracks=tuple(track for track in self.tracks if track.split in splits))

    def piece(self, frames: int, generator: np.random.Generator) -> Audio:
        """A random stretch `(2, frames)` of one track that is long enough; each moment is as likely."""
        room = np.array([max(0, track.frames - frames + 1) for track in self.tracks])
        ends = np.cumsum(room)
        place = int(generator.integers(ends[-1]))
        number = int(np.searchsorted(ends, place, side="right"))
        first = self.tracks[number].first_frame + place - int(ends[number] - room[number])
        piece: Audio = self.samples[first : first + frames].T.astype(np.float32) / np.float32(_FULL_SCALE)
        return piece

    def sounding_piece(self, frames: int, least_level: float, generator: np.random.Generator) -> tuple[Audio, float]:
        """A random stretch that is louder than that, and its level, the root of its mean square."""
        for _ in range(MOST_TRIES):
            piece = self.piece(frames, generator)
            level = float(np.sqrt(np.mean(np.square(piece))))
            if level > least_level:
                return piece, level
        raise UsageError(f"music: {MOST_TRIES} pieces in a row are silent; name folders with music in them")


def corpus_of(
    tracks: Sequence[Track],
    licences: Callable[[Track], str],
    path: Path,
    sample_rate_hz: int,
    say: Callable[[str], None] = lambda text: None,
) -> Corpus:
    """The corpus of these tracks in `path`: what is there where it is theirs, else read anew."""
    wanted = [(track.path.name, track.sha256, licences(track)) for track in tracks]
    known = open_corpus(path)
    if known and known.sample_rate_hz == sample_rate_hz:
        found = [(track.name, track.sha256, track.licence) for track in known.tracks]
        if found == wanted:
            return known
    say(f"reading {len(tracks)} tracks into {path}")
    check_room(path, sum(frames_at(track, sample_rate_hz) for track in tracks) * _FRAME_BYTES)
    _write(tracks, [licence for _, _, licence in wanted], path, sample_rate_hz)
    written = open_corpus(path)
    assert written is not None
    return written


def open_corpus(path: Path) -> Corpus | None:
    """The corpus in a file; None where there is none, or none that is whole."""
    if not path.is_file() or path.stat().st_size < _END.size:
        return None
    with path.open("rb") as file:
        file.seek(-_END.size, 2)
        samples_end = file.tell()
        length, magic = _END.unpack(file.read())
        if magic != _MAGIC or length > samples_end:
            return None
        file.seek(samples_end - length)
        card = json.loads(file.read(length))
    tracks = tuple(CorpusTrack(**track) for track in card["tracks"])
    frames = sum(track.frames for track in tracks)
    if frames * _FRAME_BYTES != samples_end - length:
        return None
    samples: NDArray[np.int16] = np.memmap(path, dtype="<i2", mode="r", shape=(frames, CHANNELS))
    return Corpus(samples=samples, sample_rate_hz=card["sample_rate_hz"], tracks=tracks)


def _write(tracks: Iterable[Track], licences: Iterable[str], path: Path, sample_rate_hz: int) -> None:
    listed: list[CorpusTrack] = []
    first = 0
    with Staged(path, replaces=True) as staged:
        for track, licence in zip(tracks, licences, strict=True):
            audio = read_track(track, sample_rate_hz=sample_rate_hz, channels=CHANNELS)
            frames = audio.shape[1]
            with output_errors(path):
                staged.file.write(_as_samples(audio).tobytes())
            name, sha256 = track.path.name, track.sha256
            listed.append(CorpusTrack(name=name, sha256=sha256, licence=licence, first_frame=first, frames=frames))
            first += frames
        card = {"sample_rate_hz": sample_rate_hz, "tracks": [asdict(track) for track in listed]}
        told = json.dumps(card).encode()
        with output_errors(path):
            staged.file.write(told + _END.pack(len(told), _MAGIC))
        staged.publish()


def _as_samples(audio: Audio) -> NDArray[np.int16]:
    peak = max(1.0, float(np.abs(audio).max(initial=0.0)))
    return np.ascontiguousarray(np.rint(audio.T * np.float32(_FULL_SCALE / peak)).astype("<i2"))

"""Clean tracks to train and judge with: found, told apart by their content, split by it, and read in pieces.

What always holds: a track is its whole source file's SHA-256, whatever its name, so that its split and its items stay
what they are when a collection is moved or renamed; and files are only read.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, gcd
from pathlib import Path

import numpy as np

from rebounce.engine.audio import Audio, check_numbers, joined
from rebounce.engine.errors import RebounceError, UnsupportedAudio, UsageError
from rebounce.engine.pcm import GRID_FRAMES
from rebounce.engine.reading import reading_errors
from rebounce.engine.resampling import RESPONSE_SAMPLES, Resampler, resampled_frames
from rebounce.engine.source import open_source
from rebounce.training.audio_files import find_audio_files
from rebounce.training.damage import Damage, apply_damage
from rebounce.training.exercise import Item

TRAIN_SHARE, VALIDATION_SHARE = 0.8, 0.1
LEAD_IN_S = 2.0
"""What comes before an excerpt is damaged with it: an echo or a compressor does not begin at a cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One file as it was found; `sha256` is that of all its bytes."""

    path: Path
    sha256: str
    frames: int
    sample_rate_hz: int
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A stretch of a track, counted at a rate, and how much before it is damaged with it and then cut away."""

    sample_rate_hz: int
    start_frame: int
    frames: int
    lead_in_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The same stretch clean and damaged, both `(channels, frames)`; it begins at `start_frame` of the track."""

    clean: Audio
    damaged: Audio
    sample_rate_hz: int
    start_frame: int
    damage: Damage


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What lies in folders: tracks by path, a sentence for each file that cannot be used, and one for each copy."""

    tracks: list[Track]
    problems: list[str]
    copies: list[str]


def find_tracks(inputs: Iterable[str | Path]) -> Found:
    """The tracks in files, folders and globs; what holds the very bytes of a track before it counts once.

    UsageError where there is no audio file at all.
    """
    given = [str(item) for item in inputs]
    files, problems = find_audio_files(given)
    if not files and not problems:
        raise no_audio(given)
    tracks: dict[str, Track] = {}
    copies = []
    for path in sorted(file.path for file in files):
        try:
            track = open_track(path)
        except RebounceError as problem:
            problems.append(str(problem))
            continue
        first = tracks.setdefault(track.sha256, track)
        if first is not track:
            copies.append(f"{path}: the same file as {first.path}, byte for byte; it counts once")
    return Found(tracks=sorted(tracks.values(), key=lambda track: track.path), problems=problems, copies=copies)


def no_audio(given: Iterable[str]) -> UsageError:
    """The error for inputs in which there is no audio file."""
    return UsageError(
        f"{', '.join(given) or 'no input'}: expected audio files (WAV, AIFF, FLAC, OGG or MP3), found none; "
        "name a file, or a folder that holds some"
    )


def open_track(path: Path) -> Track:
    """One file as a track; the error says why it cannot be read, or that it holds no sound."""
    with open_source(path) as source:
        info = source.info
    if info.frames == 0:
        raise UnsupportedAudio(f"{path}: the file has not one frame of audio; bounce it again, or leave it out")
    with reading_errors(path), open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Track(
        path=path, sha256=digest, frames=info.frames, sample_rate_hz=info.sample_rate_hz, channels=info.channels
    )


def split_of(track_sha256: str) -> str:
    """ "train", "validation" or "test", by the content alone: the same in every stage, run and collection."""
    share = int(track_sha256[:16], 16) / 2**64
    if share < TRAIN_SHARE:
        return "train"
    return "validation" if share < TRAIN_SHARE + VALIDATION_SHARE else "test"


def frames_at(track: Track, sample_rate_hz: int | None) -> int:
    """How many frames a track has at a rate; None is its own."""
    return resampled_frames(track.frames, track.sample_rate_hz, sample_rate_hz or track.sample_rate_hz)


def read_track(
    track: Track,
    *,
    sample_rate_hz: int | None = None,
    start_frame: int = 0,
    frames: int | None = None,
    channels: int | None = None,
) -> Audio:
    """A stretch of a track `(channels, frames)`; start and length count at the rate that is asked for.

    It is what the same cut of the whole track would be; at another rate but for the last bits, which depend on where
    the reading begins. A mono track is doubled where two channels are asked for.
    """
    rate_hz = sample_rate_hz or track.sample_rate_hz
    whole = frames_at(track, rate_hz)
    wanted = whole - start_frame if frames is None else frames
    assert 0 <= start_frame <= start_frame + wanted <= whole, (start_frame, frames, whole)
    if rate_hz == track.sample_rate_hz:
        audio = _read(track, start_frame, wanted)
    else:
        audio = _resampled(track, rate_hz, start_frame, wanted)
    return audio if channels is None else _with_channels(audio, channels, track.path)


def make_pair(
    track: Track, item: Item, *, seconds: float | None, sample_rate_hz: int | None = None, channels: int | None = None
) -> Pair:
    """The excerpt that an item draws (None: the whole track; a shorter track is taken whole), clean and damaged."""
    rate_hz = sample_rate_hz or track.sample_rate_hz
    whole = frames_at(track, rate_hz)
    # Compared before it is rounded: no number of frames stands for 1e308 s.
    length = whole if seconds is None or seconds * rate_hz >= whole else max(1, round(seconds * rate_hz))
    start = min(int(item.place * (whole - length + 1)), whole - length)
    excerpt = Excerpt(
        sample_rate_hz=rate_hz, start_frame=start, frames=length, lead_in_frames=lead_in_frames(start, rate_hz)
    )
    return pair_of(track, excerpt, item.damage, channels)


def pair_of(track: Track, excerpt: Excerpt, damage: Damage, channels: int | None = None) -> Pair:
    """A stretch clean and damaged: to the last bit the same for the same track, excerpt and damage."""
    lead_in, rate_hz = excerpt.lead_in_frames, excerpt.sample_rate_hz
    clean = read_track(
        track,
        sample_rate_hz=rate_hz,
        start_frame=excerpt.start_frame - lead_in,
        frames=lead_in + excerpt.frames,
        channels=channels,
    )
    damaged = _damaged(track, clean, rate_hz, damage)
    return Pair(
        clean=clean[:, lead_in:],
        damaged=damaged[:, lead_in:],
        sample_rate_hz=rate_hz,
        start_frame=excerpt.start_frame,
        damage=damage,
    )


def lead_in_frames(start_frame: int, sample_rate_hz: int) -> int:
    """How much before an excerpt is damaged with it: less where the track does not have so much."""
    return min(start_frame, round(LEAD_IN_S * sample_rate_hz))


def _damaged(track: Track, clean: Audio, rate_hz: int, damage: Damage) -> Audio:
    damaged = apply_damage(clean, rate_hz, damage)
    try:
        return check_numbers(damaged)
    except UsageError as problem:
        faults = ", ".join(applied.fault for applied in damage)
        raise UnsupportedAudio(
            f"{track.path}: {faults} made what is no number of it ({problem}); leave this fault or file out"
        ) from problem


def _read(track: Track, first: int, frames: int) -> Audio:
    """Frames at the track's own rate; no more of the file is read than they need."""
    audio = np.empty((track.channels, frames), dtype=np.float32)
    filled = 0
    with open_source(track.path) as source:
        if (source.info.frames, source.info.channels) != (track.frames, track.channels):
            raise UnsupportedAudio(f"{track.path}: the file changed since it was looked at; start again")
        for block in source.blocks(min(GRID_FRAMES, max(frames, 1)), first_frame=first):
            part = block.audio[:, : frames - filled]
            audio[:, filled : filled + part.shape[1]] = part
            filled += part.shape[1]
            if filled == frames:
                break
    assert filled == frames, (filled, frames)
    return audio


def _resampled(track: Track, rate_hz: int, start: int, frames: int) -> Audio:
    """Frames at another rate: read with what the filter hears on both sides, which is then cut away.

    The reading begins where a frame of both rates lies, so that the outputs fall on the places of the whole track.
    """
    own_hz = track.sample_rate_hz
    common = gcd(own_hz, rate_hz)
    period_in, period_out = own_hz // common, rate_hz // common
    margin = ceil(RESPONSE_SAMPLES * max(1.0, own_hz / rate_hz))
    periods = max(0, start // period_out - ceil(margin / period_in))
    first = periods * period_in
    last = min(track.frames, ceil(Fraction((start + frames) * period_in, period_out)) + margin)
    resampler = Resampler(own_hz, rate_hz, track.channels)
    blocks = [resampler.push(_read(track, first, last - first)), resampler.finish()]
    skipped = start - periods * period_out
    return joined(blocks, track.channels)[:, skipped : skipped + frames]


def _with_channels(audio: Audio, channels: int, path: Path) -> Audio:
    if audio.shape[0] == channels:
        return audio
    if audio.shape[0] == 1:
        return np.repeat(audio, channels, axis=0)
    raise UnsupportedAudio(
        f"{path}: {audio.shape[0]} channels, expected {'mono or stereo' if channels == 2 else channels}; "
        "mix it down first, or leave it out"
    )

"""The same stretch of a file before and after, ready to be heard from a page: encoded, with its loudness matched.

Up to half a minute goes in as FLAC of 16 bits, dithered where the file holds more, so that what is compared is not an
encoder. Only where a page has many files, and a share of it is too small for that, both sides are MP3, and `codec`
says so. Both sides cover the same seconds, and both are encoded in the same way, so that they stay in step.
"""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

from rebounce.engine.audio import Audio, joined
from rebounce.engine.loudness import LoudnessMeter
from rebounce.engine.overview import Overview
from rebounce.engine.source import open_source

LONGEST_S = 30.0
FULL_SCALE_16 = 32_768
BASE64_GROWTH = 4 / 3

MP3_RATES_HZ = (32_000, 44_100, 48_000)
MP3_QUALITY = 0.2
"""On libsndfile's scale from 0 (best) to 1; 256 kbit/s at the rates above."""

MP3_BYTES_PER_S = 32_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A stretch as it was read: `audio` `(1 or 2, frames)`, divided by `divisor` so that it stays within full scale."""

    audio: Audio
    sample_rate_hz: int
    divisor: float

    @property
    def peak(self) -> float:
        """The peak before the division."""
        return self.divisor * float(np.abs(self.audio).max(initial=0.0))

    def lufs(self) -> float | None:
        """Integrated loudness before the division; None in silence and below 400 ms."""
        meter = LoudnessMeter(self.sample_rate_hz, self.audio.shape[0])
        meter.add(self.audio * np.float32(self.divisor))
        return meter.integrated_lufs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side: the encoded stretch as a data address, and what to play it at: loudness matched, and as it is."""

    address: str
    matched_gain: float
    plain_gain: float
    lufs: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """The stretch of `length_s` from `start_s` on, on both sides."""

    start_s: float
    length_s: float
    codec: str
    before: Side
    after: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """A way to encode; `shortest_s` is what it is not worth using below.

    `bytes_per_s` is a lower bound of what a second takes: encoding is slow, so the first try should nearly fit.
    """

    name: str
    media_type: str
    encode: Callable[[Sound], bytes]
    suits: Callable[[Sound], bool]
    shortest_s: float
    bytes_per_s: float

    def at_most_s(self, most_bytes: float) -> float:
        """What can fit at best into `most_bytes`, both sides and base64 counted."""
        return most_bytes / (2 * BASE64_GROWTH * self.bytes_per_s)


def cut_excerpt(before: Path, after: Path, overview: Overview, most_bytes: float) -> Excerpt | None:
    """The loudest stretch (by the overview of the file before) of both files, as long as `most_bytes` can hold.

    `most_bytes` counts both sides as they stand in a page. None when not even a few seconds fit.
    """
    longest_s = min(LONGEST_S, overview.duration_s)
    for codec in CODECS:
        length_s = min(longest_s, codec.at_most_s(most_bytes))
        while length_s >= min(codec.shortest_s, longest_s):
            start_s, end_s = overview.loudest_s(length_s)
            sounds = [read_stretch(path, start_s, end_s) for path in (before, after)]
            if not all(codec.suits(sound) for sound in sounds):
                break
            addresses = [data_address(codec.media_type, codec.encode(sound)) for sound in sounds]
            size = sum(len(address) for address in addresses)
            if size <= most_bytes:
                return _excerpt((start_s, end_s - start_s), codec, sounds, addresses)
            length_s *= 0.97 * most_bytes / size
    return None


def read_stretch(path: Path, start_s: float, end_s: float) -> Sound:
    """A stretch of a file, of its first two channels."""
    with open_source(path) as source:
        rate, frames = source.info.sample_rate_hz, source.info.frames
        first = min(round(start_s * rate), frames)
        wanted = min(round(end_s * rate), frames) - first
        blocks: list[Audio] = []
        for block in source.blocks(first_frame=first):
            blocks.append(block.audio[:2])
            if sum(audio.shape[1] for audio in blocks) >= wanted:
                break
        audio = joined(blocks, min(source.info.channels, 2))[:, :wanted]
    divisor = max(1.0, float(np.abs(audio).max(initial=0.0)))
    return Sound(audio=np.asarray(audio / np.float32(divisor)), sample_rate_hz=rate, divisor=divisor)


def data_address(media_type: str, data: bytes) -> str:
    """The bytes as an address that a page can hold."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def matched_gains(lufs: Sequence[float | None], peaks: Sequence[float]) -> list[float]:
    """Gains that turn the louder ones down to the quietest, and everything down if a peak would pass full scale."""
    known = [value for value in lufs if value is not None]
    target = min(known) if len(known) == len(lufs) else None
    gains = [1.0 if target is None or value is None else 10 ** ((target - value) / 20) for value in lufs]
    loudest = max(gain * peak for gain, peak in zip(gains, peaks, strict=True))
    return [gain / max(1.0, loudest) for gain in gains]


def flac(sound: Sound) -> bytes:
    """The sound as FLAC of 16 bits: exact where it holds no more than that, else with triangular dither of 1 LSB."""
    scaled = sound.audio.astype(np.float64) * FULL_SCALE_16
    if np.any(scaled != np.round(scaled)):
        noise = np.random.default_rng(0)
        scaled += noise.uniform(-0.5, 0.5, scaled.shape) + noise.uniform(-0.5, 0.5, scaled.shape)
    samples = np.clip(np.round(scaled), -FULL_SCALE_16, FULL_SCALE_16 - 1).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, samples.T, sound.sample_rate_hz, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def mp3(sound: Sound) -> bytes:
    """The sound as MP3, at half or a quarter of its rate where that is above the rates of MP3."""
    step = _mp3_step(sound)
    assert step is not None, sound.sample_rate_hz
    audio = signal.resample_poly(sound.audio, 1, step, axis=1) if step > 1 else sound.audio
    file = io.BytesIO()
    soundfile.write(
        file,
        np.clip(audio, -1, 1).T,
        sound.sample_rate_hz // step,
        format="MP3",
        bitrate_mode="CONSTANT",
        compression_level=MP3_QUALITY,
    )
    return file.getvalue()


def _mp3_step(sound: Sound) -> int | None:
    return next((step for step in (1, 2, 4) if sound.sample_rate_hz / step in MP3_RATES_HZ), None)


def _suits_flac(sound: Sound) -> bool:
    """FLAC writes rates above 65,535 Hz in tens."""
    return sound.sample_rate_hz <= 65_535 or sound.sample_rate_hz % 10 == 0


FLAC = Codec(
    name="FLAC, 16 bit", media_type="audio/flac", encode=flac, suits=_suits_flac, shortest_s=12.0, bytes_per_s=1_000.0
)
MP3 = Codec(
    name="MP3, 256 kbit/s",
    media_type="audio/mpeg",
    encode=mp3,
    suits=lambda sound: _mp3_step(sound) is not None,
    shortest_s=4.0,
    bytes_per_s=MP3_BYTES_PER_S,
)
CODECS = (FLAC, MP3, replace(FLAC, shortest_s=4.0))
"""In the order in which they are tried."""


def _excerpt(stretch: tuple[float, float], codec: Codec, sounds: list[Sound], addresses: list[str]) -> Excerpt:
    lufs = [sound.lufs() for sound in sounds]
    peaks = [sound.peak for sound in sounds]
    matched = matched_gains(lufs, peaks)
    plain = matched_gains([None] * len(sounds), peaks)
    sides = [
        Side(
            address=address,
            matched_gain=matched[index] * sounds[index].divisor,
            plain_gain=plain[index] * sounds[index].divisor,
            lufs=lufs[index],
        )
        for index, address in enumerate(addresses)
    ]
    return Excerpt(start_s=stretch[0], length_s=stretch[1], codec=codec.name, before=sides[0], after=sides[1])

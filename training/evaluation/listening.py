"""All versions of one item, ready to be heard from a page: the same seconds, encoded alike, at matched loudness."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.deferred_signals import signals_wait
from rebounce.engine.excerpt import FLAC, LONGEST_S, MP3, Codec, Side, Sound, data_address, matched_gains
from rebounce.engine.overview import Overview

# A shorter stretch rather than a lossy one, since damage by an encoder is one of the things to be heard.
CODECS = (replace(FLAC, shortest_s=6.0), replace(MP3, shortest_s=2.0), replace(FLAC, shortest_s=2.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The same stretch of every version, from `start_s` of the item on."""

    start_s: float
    length_s: float
    codec: str
    sides: tuple[Side, ...]


def heard(audios: Sequence[Audio], sample_rate_hz: int, overview: Overview, most_bytes: float) -> Heard | None:
    """The loudest stretch (by the overview) of every version, as long as `most_bytes` can hold; None if nothing can."""
    longest_s = min(LONGEST_S, overview.duration_s)
    for codec in CODECS:
        length_s = min(longest_s, codec.at_most_s(most_bytes * 2 / len(audios)))
        while length_s >= min(codec.shortest_s, longest_s) and length_s > 0:
            start_s, end_s = overview.loudest_s(length_s)
            sounds = [_cut(audio, sample_rate_hz, start_s, end_s) for audio in audios]
            if not all(codec.suits(sound) for sound in sounds):
                break
            addresses = [_address(codec, sound) for sound in sounds]
            size = sum(len(address) for address in addresses)
            if size <= most_bytes:
                return Heard(
                    start_s=start_s, length_s=end_s - start_s, codec=codec.name, sides=_sides(sounds, addresses)
                )
            length_s *= 0.97 * most_bytes / size
    return None


def _address(codec: Codec, sound: Sound) -> str:
    with signals_wait():  # soundfile calls back into Python for each piece, and loses what is raised there
        content = codec.encode(sound)
    return data_address(codec.media_type, content)


def _cut(audio: Audio, sample_rate_hz: int, start_s: float, end_s: float) -> Sound:
    """A stretch of the first two channels, divided so that it stays within full scale."""
    stretch = audio[:2, round(start_s * sample_rate_hz) : round(end_s * sample_rate_hz)]
    divisor = max(1.0, float(np.abs(stretch).max(initial=0.0)))
    return Sound(audio=stretch / np.float32(divisor), sample_rate_hz=sample_rate_hz, divisor=divisor)


def _sides(sounds: Sequence[Sound], addresses: Sequence[str]) -> tuple[Side, ...]:
    lufs = [sound.lufs() for sound in sounds]
    peaks = [sound.peak for sound in sounds]
    matched, plain = matched_gains(lufs, peaks), matched_gains([None] * len(sounds), peaks)
    return tuple(
        Side(
            address=address,
            matched_gain=matched[number] * sounds[number].divisor,
            plain_gain=plain[number] * sounds[number].divisor,
            lufs=lufs[number],
        )
        for number, address in enumerate(addresses)
    )

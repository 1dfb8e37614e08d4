"""The mixing desk: level rides, channel strips with sends, and the bus, all through pedalboard.

What always holds: each stem carries its own share of reverb and echo, so the stems sum to exactly what enters the bus.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.music.envelope import Curve, swell
from rebounce.training.music.score import Score

if TYPE_CHECKING:
    from pedalboard import Pedalboard

RIDE_S = 0.05
PREDELAY_S = 0.018
DUCK_ATTACK_S = 0.008
DUCK_RELEASE_S = 0.09
PEAK_DBFS = -3.0
FADE_S = 0.6
SILENCE_S = 0.5
"""How long nothing at all sounds at the end."""

BUS_LEVEL_DBFS = -16.0
"""Root mean square that the bus compressor is set for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One strip: a high-pass, a tone, a compressor, two sends, and how far the kick ducks it."""

    highpass_hz: float
    presence_db: float = 0.0
    threshold_db: float = 0.0
    ratio: float = 1.0
    reverb_db: float | None = None
    echo_db: float | None = None
    duck_db: float = 0.0


CHANNELS: Mapping[str, Channel] = {
    "drums": Channel(highpass_hz=28.0, reverb_db=-17.0),
    "bass": Channel(highpass_hz=32.0, threshold_db=-20.0, ratio=3.0, duck_db=-4.0),
    "keys": Channel(highpass_hz=120.0, reverb_db=-13.0, echo_db=-22.0),
    "pad": Channel(highpass_hz=140.0, reverb_db=-9.0, duck_db=-2.5),
    "lead": Channel(highpass_hz=180.0, reverb_db=-12.0, echo_db=-11.0),
    "voice": Channel(highpass_hz=110.0, presence_db=3.0, threshold_db=-22.0, ratio=3.0, reverb_db=-13.0, echo_db=-17.0),
    "choir": Channel(highpass_hz=180.0, presence_db=2.0, reverb_db=-9.0),
}


def brightness_curve(score: Score, frames: int, sample_rate_hz: float) -> Curve:
    """How far the synthesisers' filters are opened at each frame, in octaves."""
    times, octaves = [], []
    for section in score.sections:
        start, end = score.time_s(section.first_bar, 0), score.time_s(section.first_bar + section.bars, 0)
        first, last = score.style.scenes[section.name].brightness_octaves
        times += [start, end - RIDE_S]
        octaves += [first, last]
    return np.asarray(np.interp(np.arange(frames) / sample_rate_hz, times, octaves))


def ride(part: str, sound: Audio, score: Score, sample_rate_hz: float) -> Audio:
    """The part at its balance, and at each section's level; where it does not play, its tail keeps the level."""
    times, levels_db, held = [], [], None
    for section in score.sections:
        level = score.style.scenes[section.name].levels_db.get(part, held)
        if level is not None:
            start = score.time_s(section.first_bar, 0)
            times += [start - 2 * RIDE_S, start - RIDE_S]
            levels_db += [held if held is not None else level, level]
            held = level
    if held is None:
        return sound
    curve_db = np.interp(np.arange(sound.shape[1]) / sample_rate_hz, times, levels_db)
    gain_db = curve_db + score.balance_db[part] - _playing_level_db(sound, sample_rate_hz)
    return np.asarray(sound * (10 ** (gain_db / 20)).astype(np.float32))


def _playing_level_db(sound: Audio, sample_rate_hz: float) -> float:
    """Root mean square where the part plays: in the 50 ms pieces within 30 dB of the loudest."""
    piece = round(0.05 * sample_rate_hz)
    pieces = max(1, sound.shape[1] // piece)
    squares = sound[:, : pieces * piece].reshape(2, pieces, -1).astype(np.float64) ** 2
    power = np.asarray(squares.mean(axis=(0, 2)))
    loudest = float(power.max())
    return float(10 * np.log10(power[power > loudest / 1000].mean())) if loudest > 0 else 0.0


def strip(part: str, sound: Audio, score: Score, sample_rate_hz: float) -> Audio:
    """The part through its channel, with its own reverb and echo."""
    from pedalboard import Compressor, HighpassFilter, PeakFilter, Pedalboard, Plugin

    channel = CHANNELS[part]
    chain: list[Plugin] = [HighpassFilter(channel.highpass_hz)]
    if channel.presence_db:
        chain.append(PeakFilter(3_600.0, channel.presence_db, 0.7))
    if channel.ratio > 1:
        chain.append(Compressor(channel.threshold_db, channel.ratio, attack_ms=8.0, release_ms=120.0))
    dry = _run(Pedalboard(chain), sound, sample_rate_hz)
    if channel.duck_db:
        dry = dry * _ducking(score, channel.duck_db, sound.shape[1], sample_rate_hz)
    out = dry
    if channel.reverb_db is not None:
        out = out + _reverb(dry, channel.reverb_db, score.style.reverb_room, sample_rate_hz)
    if channel.echo_db is not None:
        out = out + _echo(dry, channel.echo_db, score.beat_s, sample_rate_hz)
    return np.asarray(out)


def _run(chain: "Pedalboard", sound: Audio, sample_rate_hz: float) -> Audio:
    return np.asarray(chain(sound, sample_rate_hz), dtype=np.float32)


def _reverb(sound: Audio, level_db: float, room: float, sample_rate_hz: float) -> Audio:
    from pedalboard import HighpassFilter, Pedalboard, Reverb

    chain = Pedalboard(
        [HighpassFilter(220.0), Reverb(room_size=room, damping=0.45, wet_level=1.0, dry_level=0.0, width=1.0)]
    )
    wet = _run(chain, _later(sound, PREDELAY_S, sample_rate_hz), sample_rate_hz)
    return np.asarray(wet * np.float32(10 ** (level_db / 20)))


def _echo(sound: Audio, level_db: float, beat_s: float, sample_rate_hz: float) -> Audio:
    """Repeats in time with the music: dotted eighths on the left, quarters on the right, dull and fading."""
    from pedalboard import Delay, HighpassFilter, LowpassFilter, Pedalboard

    mono = sound.mean(axis=0, keepdims=True) * np.float32(10 ** (level_db / 20))
    sides = []
    for beats in (0.75, 1.0):
        tone = [HighpassFilter(300.0), LowpassFilter(3_500.0)]
        chain = Pedalboard([*tone, Delay(delay_seconds=beats * beat_s, feedback=0.3, mix=1.0)])
        sides.append(_run(chain, mono, sample_rate_hz)[0])
    return np.stack(sides)


def _later(sound: Audio, seconds: float, sample_rate_hz: float) -> Audio:
    frames = round(seconds * sample_rate_hz)
    return np.pad(sound, ((0, 0), (frames, 0)))[:, : sound.shape[1]]


def _ducking(score: Score, duck_db: float, frames: int, sample_rate_hz: float) -> Audio:
    """The gain curve that lets the kick through: down at each kick, back within an eighth or so."""
    kicks = np.array(sorted(hit.start_s for hit in score.hits if hit.drum == "kick"))
    if not len(kicks):
        return np.ones(frames, dtype=np.float32)
    time_s = np.arange(frames) / sample_rate_hz
    # The gain is down already when the kick begins: the desk hears it a little ahead.
    ahead = time_s + DUCK_ATTACK_S
    last = np.searchsorted(kicks, ahead) - 1
    since = np.where(last >= 0, ahead - kicks[np.maximum(last, 0)], 10.0)
    # Where it has not come back from the kick before, it goes down from there.
    left = np.exp(-np.maximum(np.diff(kicks, prepend=-10.0) - DUCK_ATTACK_S, 0) / DUCK_RELEASE_S)[np.maximum(last, 0)]
    down = left + (1 - left) * swell(since, DUCK_ATTACK_S)
    depth = down * np.exp(-np.maximum(since - DUCK_ATTACK_S, 0) / DUCK_RELEASE_S)
    return np.asarray((10 ** (duck_db * depth / 20)).astype(np.float32))


def through_bus(premix: Audio, sample_rate_hz: float) -> Audio:
    """The sum of the stems through the bus, at a peak of `PEAK_DBFS`, fading into true silence at the end."""
    from pedalboard import Compressor, HighpassFilter, HighShelfFilter, Pedalboard

    level = float(np.sqrt(np.mean(premix**2, dtype=np.float64)))
    drive = 10 ** (BUS_LEVEL_DBFS / 20) / level if level > 0 else 1.0
    glue = Pedalboard(
        [
            HighpassFilter(24.0),
            Compressor(-17.0, 1.6, attack_ms=30.0, release_ms=160.0),
            HighShelfFilter(10_000.0, 0.5, 0.7),
        ]
    )
    bussed = _run(glue, premix * np.float32(drive), sample_rate_hz) * _fade(premix.shape[1], sample_rate_hz)
    peak = float(np.abs(bussed).max(initial=0.0))
    return np.asarray(bussed * np.float32(10 ** (PEAK_DBFS / 20) / peak if peak > 0 else 1.0))


def _fade(frames: int, sample_rate_hz: float) -> Audio:
    """Ones, and at the end half a cosine down to `SILENCE_S` of zeros."""
    left_s = (frames - 1 - np.arange(frames)) / sample_rate_hz - SILENCE_S
    return np.asarray((0.5 - 0.5 * np.cos(np.pi * np.clip(left_s / FADE_S, 0, 1))).astype(np.float32))

"""The mixing desk: level rides and channel strips with sends, all effects through pedalboard.

What always holds: each stem carries its own share of reverb and echo, so the stems sum to exactly what enters the bus.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.music.envelope import seconds_axis, swell
from rebounce.training.music.score import Score
from rebounce.training.music.style import Amp, Channel
from rebounce.training.music.synthesiser import pan_gains

if TYPE_CHECKING:
    from pedalboard import Pedalboard, Plugin

RIDE_S = 0.05
PREDELAY_S = 0.018
DUCK_ATTACK_S = 0.008
DUCK_RELEASE_S = 0.09

CHANNELS: Mapping[str, Channel] = {
    "drums": Channel(highpass_hz=28.0, reverb_db=-17.0),
    "bass": Channel(highpass_hz=32.0, threshold_db=-20.0, ratio=3.0, duck_db=-4.0),
    "keys": Channel(highpass_hz=120.0, reverb_db=-13.0, echo_db=-22.0),
    "pad": Channel(highpass_hz=140.0, reverb_db=-9.0, duck_db=-2.5),
    "lead": Channel(highpass_hz=180.0, reverb_db=-12.0, echo_db=-11.0),
    "voice": Channel(highpass_hz=110.0, presence_db=3.0, threshold_db=-22.0, ratio=3.0, reverb_db=-13.0, echo_db=-17.0),
    "choir": Channel(highpass_hz=180.0, presence_db=2.0, reverb_db=-9.0),
}


def brightness_curve(score: Score, frames: int, sample_rate_hz: float) -> Audio:
    """How far the synthesisers' filters are opened at each frame, in octaves."""
    times, octaves = [], []
    for section in score.sections:
        start, end = score.time_s(section.first_bar, 0), score.time_s(section.first_bar + section.bars, 0)
        first, last = score.style.scenes[section.name].brightness_octaves
        times += [start, end - RIDE_S]
        octaves += [first, last]
    curve = np.interp(seconds_axis(frames, sample_rate_hz), times, octaves) + score.taste.brightness_octaves
    return curve.astype(np.float32)


def ride(part: str, sound: Audio, score: Score, sample_rate_hz: float) -> Audio:
    """The part at its balance, and at each section's level; where it does not play, its tail keeps the level."""
    times, levels_db, held = [], [], None
    for section in score.sections:
        level = score.style.scenes[section.name].levels_db.get(part)
        level = held if level is None else score.taste.dynamics * level
        if level is not None:
            start = score.time_s(section.first_bar, 0)
            times += [start - 2 * RIDE_S, start - RIDE_S]
            levels_db += [held if held is not None else level, level]
            held = level
    if held is None:
        return sound
    curve_db = np.interp(np.arange(sound.shape[1]) / sample_rate_hz, times, levels_db)
    gain_db = curve_db + score.taste.balance_db[part] - _playing_level_db(sound, sample_rate_hz)
    return np.asarray(sound * np.exp2(gain_db.astype(np.float32) * np.float32(np.log2(10) / 20)))


def _playing_level_db(sound: Audio, sample_rate_hz: float) -> float:
    """Root mean square where the part plays: in the 50 ms pieces within 30 dB of the loudest."""
    piece = round(0.05 * sample_rate_hz)
    pieces = max(1, sound.shape[1] // piece)
    power = np.square(sound[:, : pieces * piece]).reshape(2, pieces, -1).mean(axis=(0, 2), dtype=np.float64)
    loudest = float(power.max())
    return float(10 * np.log10(power[power > loudest / 1000].mean())) if loudest > 0 else 0.0


def stem(parts: Mapping[str, Audio], score: Score, sample_rate_hz: float) -> Audio:
    """Parts `(2, frames)` through their channels and together through one reverb and one echo, as one stem."""
    strips = [strip(part, sound, score, sample_rate_hz) for part, sound in parts.items()]
    out = np.asarray(sum(one.dry for one in strips))
    reverb, echo = (
        [send for one in strips if (send := one.sends.get(name)) is not None] for name in ("reverb", "echo")
    )
    if reverb:
        out = out + _reverb(np.asarray(sum(reverb)), score.style.reverb_room, sample_rate_hz)
    if echo:
        out = out + _echo(np.asarray(sum(echo)), score.beat_s, sample_rate_hz)
    return np.asarray(out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """What leaves a channel: the sound itself, and what it sends to `reverb` and `echo`."""

    dry: Audio
    sends: Mapping[str, Audio]


def strip(part: str, sound: Audio, score: Score, sample_rate_hz: float) -> Strip:
    """The part through its channel."""
    from pedalboard import Pedalboard

    channel = score.style.channels.get(part, CHANNELS[part])
    dry = _run(Pedalboard(_inserts(channel)), sound, sample_rate_hz) * _lean(score.taste.pans.get(part, 0.0))
    if channel.duck_db:
        dry *= _ducking(score, channel.duck_db, sound.shape[1], sample_rate_hz)
    levels_db = {"reverb": channel.reverb_db, "echo": channel.echo_db}
    sends = {name: dry * np.float32(10 ** (db / 20)) for name, db in levels_db.items() if db is not None}
    return Strip(dry=dry, sends=sends)


def _inserts(channel: Channel) -> list["Plugin"]:
    """The effects of a strip, in the order of the signal."""
    from pedalboard import Chorus, Compressor, HighpassFilter, PeakFilter

    chain: list[Plugin] = [HighpassFilter(channel.highpass_hz)]
    if channel.amp:
        chain += _amplifier(channel.amp)
    if channel.chorus:
        chain.append(Chorus(rate_hz=0.7, depth=0.2, centre_delay_ms=8.0, mix=channel.chorus))
    if channel.presence_db:
        chain.append(PeakFilter(3_600.0, channel.presence_db, 0.7))
    if channel.ratio > 1:
        chain.append(Compressor(channel.threshold_db, channel.ratio, attack_ms=8.0, release_ms=120.0))
    return chain


def _amplifier(amp: Amp) -> list["Plugin"]:
    """Tubes that are driven, and the loudspeaker, which is what makes them bearable."""
    from pedalboard import Distortion, Gain, HighpassFilter, LowpassFilter, PeakFilter

    return [
        PeakFilter(700.0, 4.0, 0.6),
        Distortion(amp.drive_db),
        HighpassFilter(85.0),
        PeakFilter(2_300.0, 5.0, 0.9),
        # pedalboard's low-pass falls by 6 dB an octave, a guitar's loudspeaker by four times as much.
        *(LowpassFilter(share * amp.speaker_hz) for share in (1.0, 1.15, 1.3, 1.5)),
        Gain(-0.75 * amp.drive_db),
    ]


def _lean(pan: float) -> Audio:
    """Left and right gain `(2, 1)` that move a stereo sound to a side and keep its power."""
    return np.asarray(2**0.5 * pan_gains(pan))


def _run(chain: "Pedalboard", sound: Audio, sample_rate_hz: float) -> Audio:
    return np.asarray(chain(sound, sample_rate_hz), dtype=np.float32)


def _reverb(sound: Audio, room: float, sample_rate_hz: float) -> Audio:
    from pedalboard import HighpassFilter, Pedalboard, Reverb

    chain = Pedalboard(
        [HighpassFilter(220.0), Reverb(room_size=room, damping=0.45, wet_level=1.0, dry_level=0.0, width=1.0)]
    )
    return _run(chain, _later(sound, PREDELAY_S, sample_rate_hz), sample_rate_hz)


def _echo(sound: Audio, beat_s: float, sample_rate_hz: float) -> Audio:
    """Repeats in time with the music: dotted eighths on the left, quarters on the right, dull and fading."""
    from pedalboard import Delay, HighpassFilter, LowpassFilter, Pedalboard

    mono = sound.mean(axis=0, keepdims=True)
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
    # The gain is down already when the kick begins: the desk hears it a little ahead.
    ahead = seconds_axis(frames, sample_rate_hz) + DUCK_ATTACK_S
    last = np.searchsorted(kicks, ahead) - 1
    since = np.where(last >= 0, ahead - kicks[np.maximum(last, 0)], 10.0).astype(np.float32)
    # Where it has not come back from the kick before, it goes down from there.
    left = np.exp(-np.maximum(np.diff(kicks, prepend=-10.0) - DUCK_ATTACK_S, 0) / DUCK_RELEASE_S)
    left = left.astype(np.float32)[np.maximum(last, 0)]
    down = left + (1 - left) * swell(since, DUCK_ATTACK_S)
    depth = down * np.exp(np.maximum(since - DUCK_ATTACK_S, 0) * (-1 / DUCK_RELEASE_S))
    return np.asarray(np.exp2(depth * (duck_db / 20 * np.log2(10))), dtype=np.float32)

"""Noise under the music: white, pink, the hiss of a tape, the hum of the mains.

What always holds: the parameters alone decide on the noise. A longer piece begins with the noise of a shorter one up to
its level, and a channel has the same noise however many there are beside it.
"""

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.level import brought_to, sounding_rms
from rebounce.training.faults.ranges import Choice, Pick, Range, Span

WHITE, PINK, HISS, HUM = "white", "pink", "hiss", "hum"
KINDS = (WHITE, PINK, HISS, HUM)

# Pink noise is white noise through poles two octaves apart with a zero an octave above each: -3 dB an octave on the
# whole, within 0.25 dB up to a sixth of the sample rate; at the very top it lies 1.6 dB too high.
PINK_LOWEST_HZ = 10.0
PINK_STEP = 4.0

# What is left of tape noise after the ear's and the machine's own weighting: little below, flat above.
HISS_HIGHPASS_HZ = 2_500.0


class Noise:
    """Noise `snr_db` below the root mean square of the audio without its pauses; under silence there is none.

    Hum is the same in all channels: a tone at `mains_hz` and `harmonics` - 1 more at its multiples, each `harmonic_db`
    against it. The other kinds differ from channel to channel.
    """

    name = "noise"
    about = "white or pink noise, hiss or hum under the music"
    ranges: ClassVar[Mapping[str, Range]] = {
        "kind": Choice(options=KINDS, drawn=KINDS),
        "snr_db": Span(lowest=-20, highest=120, drawn=(20, 45)),
        "mains_hz": Choice(options=(50, 60), drawn=(50, 60)),
        "harmonics": Span(lowest=1, highest=40, drawn=(3, 10), is_whole=True),
        "harmonic_db": Span(lowest=-80, highest=20, drawn=(-30, 0)),
    }

    def draw(self, pick: Pick) -> Parameters:
        kind, snr_db = pick("kind"), pick("snr_db")
        if kind != HUM:
            return {"kind": kind, "snr_db": snr_db, "seed": int(pick.rng.random() * 2**31)}
        partials = [_draw_partial(pick, multiple) for multiple in range(1, pick("harmonics") + 1)]
        return {"kind": kind, "snr_db": snr_db, "mains_hz": int(pick("mains_hz")), "partials": partials}

    def apply(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
        channels, frames = audio.shape
        if parameters["kind"] == HUM:
            noise = np.stack([_hum(frames, sample_rate_hz, parameters)] * channels)
        else:
            noise = np.stack([_hissing(channel, frames, sample_rate_hz, parameters) for channel in range(channels)])
        return audio + brought_to(noise, sounding_rms(audio, sample_rate_hz) * 10 ** (-parameters["snr_db"] / 20))


def _draw_partial(pick: Pick, multiple: int) -> dict[str, float]:
    level_db = 0.0 if multiple == 1 else pick("harmonic_db")
    return {"multiple": multiple, "level_db": level_db, "phase_turns": pick.rng.random()}


def _hissing(channel: int, frames: int, sample_rate_hz: int, parameters: Parameters) -> Audio:
    """The noise of one channel `(frames,)`, which has a generator of its own."""
    rng = np.random.default_rng([parameters["seed"], channel])
    white = rng.standard_normal(frames, dtype=np.float32)
    if parameters["kind"] == WHITE:
        return white
    from scipy import signal

    sections = _pink_sections(sample_rate_hz) if parameters["kind"] == PINK else _hiss_sections(sample_rate_hz)
    return np.asarray(signal.sosfilt(sections, white), dtype=np.float32)


def _pink_sections(sample_rate_hz: int) -> NDArray[np.float64]:
    from scipy import signal

    count = math.floor(math.log(sample_rate_hz / PINK_LOWEST_HZ, PINK_STEP)) + 1
    poles_hz = PINK_LOWEST_HZ * PINK_STEP ** np.arange(count)
    poles, zeros = (np.exp(-2 * np.pi * hz / sample_rate_hz) for hz in (poles_hz, poles_hz * math.sqrt(PINK_STEP)))
    return np.asarray(signal.zpk2sos(zeros, poles, 1.0))


def _hiss_sections(sample_rate_hz: int) -> NDArray[np.float64]:
    from scipy import signal

    return np.asarray(signal.butter(1, HISS_HIGHPASS_HZ, "highpass", fs=sample_rate_hz, output="sos"))


def _hum(frames: int, sample_rate_hz: int, parameters: Parameters) -> Audio:
    """The hum `(frames,)`; partials that the sample rate has no room for are left out."""
    mains_hz = parameters["mains_hz"]
    # It repeats itself after as many frames, and within a second: one period is all that needs a sine.
    period = sample_rate_hz // math.gcd(sample_rate_hz, mains_hz)
    time_s = np.arange(period) / sample_rate_hz
    wave = np.zeros(period)
    for partial in parameters["partials"]:
        frequency_hz = mains_hz * partial["multiple"]
        if frequency_hz < sample_rate_hz / 2:
            turns = frequency_hz * time_s + partial["phase_turns"]
            wave += 10 ** (partial["level_db"] / 20) * np.sin(2 * np.pi * turns)
    return np.resize(wave.astype(np.float32), frames)

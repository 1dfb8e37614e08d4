"""A drum kit: strokes made from tones and noise, several takes of each, played from a score's hits."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import fft, signal

from rebounce.engine.audio import Audio
from rebounce.training.music.envelope import Curve, fall, seconds_axis, swell
from rebounce.training.music.score import Hit
from rebounce.training.music.style import Kit
from rebounce.training.music.synthesiser import pan_gains

TAKES = 3
VELOCITY_POWER = 1.3
CHOKE_S = 0.02

PLACES: Mapping[str, float] = {
    "kick": 0.0,
    "snare": -0.05,
    "rim": 0.15,
    "clap": 0.0,
    "closed_hat": 0.35,
    "open_hat": 0.35,
    "shaker": -0.55,
    "ride": -0.4,
    "crash": -0.2,
    "high_tom": -0.35,
    "low_tom": 0.45,
}

METAL_PARTIALS = 150
"""A cymbal has so many partials, in no simple relation, that they are nearly noise."""


class Drummer:
    """One kit at one rate; makes a take of a drum when it is first wanted."""

    def __init__(self, kit: Kit, sample_rate_hz: float, rng: np.random.Generator) -> None:
        self._kit = kit
        self._rate = sample_rate_hz
        self._rng = rng
        self._takes: dict[tuple[str, int], Audio] = {}

    def play(self, hits: Sequence[Hit], frames: int) -> Audio:
        """The hits as stereo `(2, frames)`; a closed hi-hat silences an open one."""
        out = np.zeros((2, frames), dtype=np.float32)
        ordered = sorted(hits, key=lambda hit: (hit.start_s, hit.drum))
        closings = np.array([hit.start_s for hit in ordered if hit.drum == "closed_hat"])
        for hit in ordered:
            first = max(0, round(hit.start_s * self._rate))
            stroke = self._stroke(hit)
            if hit.drum == "open_hat":
                later = closings[closings > hit.start_s + 0.02]
                stroke = self._choked(stroke, float(later[0]) - hit.start_s) if len(later) else stroke
            kept = stroke[:, : max(0, frames - first)]
            out[:, first : first + kept.shape[1]] += kept
        return out

    def _stroke(self, hit: Hit) -> Audio:
        wanted = (hit.drum, int(self._rng.integers(TAKES)))
        if wanted not in self._takes:
            self._takes[wanted] = STROKES[hit.drum](self._kit, self._rate, self._rng)
        take = self._takes[wanted]
        gain = hit.velocity**VELOCITY_POWER * 10 ** (self._kit.levels_db.get(hit.drum, 0.0) / 20)
        return np.asarray(take * (pan_gains(PLACES[hit.drum]) * np.float32(gain * 2**0.5)))

    def _choked(self, stroke: Audio, after_s: float) -> Audio:
        time_s = seconds_axis(stroke.shape[1], self._rate)
        return np.asarray(stroke * (1 - swell(np.maximum(time_s - after_s, 0), CHOKE_S)).astype(np.float32))


def _kick(kit: Kit, rate: float, rng: np.random.Generator) -> Audio:
    time_s = _axis(0.55, rate)
    pitch_hz = kit.kick_hz * (1 + 3.2 * fall(time_s, 0.012) + 0.6 * fall(time_s, 0.05))
    body = np.sin(2 * np.pi * np.cumsum(pitch_hz) / rate) * fall(time_s, kit.kick_decay_s)
    click = _noise(time_s, (1_800.0, 7_000.0), rate, rng) * fall(time_s, 0.004) * kit.kick_click
    return _stroke_of(np.tanh(1.6 * body) / np.tanh(1.6) + click, time_s, 0.0012)


def _snare(kit: Kit, rate: float, rng: np.random.Generator) -> Audio:
    time_s = _axis(0.5, rate)
    bend = 1 + 0.25 * fall(time_s, 0.012)
    modes = [(1.0, 0.55, 0.07), (1.78, 0.3, 0.05), (2.6, 0.12, 0.03)]
    turned = 2 * np.pi * np.cumsum(kit.snare_hz * bend) / rate
    shell = sum(level * np.sin(ratio * turned) * fall(time_s, decay) for ratio, level, decay in modes)
    wires = _noise_pair(time_s, (900.0, 11_000.0), rate, rng) * fall(time_s, kit.snare_decay_s)
    return _stroke_of(shell + 0.42 * wires, time_s, 0.0008)


def _rim(kit: Kit, rate: float, rng: np.random.Generator) -> Audio:
    time_s = _axis(0.12, rate)
    tone = np.sin(2 * np.pi * 820 * time_s) * fall(time_s, 0.012) + 0.6 * np.sin(2 * np.pi * 1_730 * time_s) * fall(
        time_s, 0.008
    )
    return _stroke_of(tone + 0.2 * _noise(time_s, (2_000.0, 9_000.0), rate, rng) * fall(time_s, 0.006), time_s, 0.0005)


def _clap(kit: Kit, rate: float, rng: np.random.Generator) -> Audio:
    time_s = _axis(0.35, rate)
    bursts = sum(np.where(time_s >= at, fall(np.maximum(time_s - at, 0), 0.006), 0.0) for at in (0.0, 0.011, 0.021))
    tail = 0.6 * np.where(time_s >= 0.03, fall(np.maximum(time_s - 0.03, 0), 0.07), 0.0)
    return _stroke_of(0.8 * _noise_pair(time_s, (800.0, 6_500.0), rate, rng) * (bursts + tail), time_s, 0.0008)


def _hat(decay_s: float) -> Callable[[Kit, float, np.random.Generator], Audio]:
    def strike(kit: Kit, rate: float, rng: np.random.Generator) -> Audio:
        length = kit.hat_decay_s * decay_s
        time_s = _axis(min(7 * length, 1.2), rate)
        metal = _metal(time_s, (3_000.0, 15_000.0), rate, rng)
        air = _noise_pair(time_s, (6_500.0, 20_000.0), rate, rng)
        return _stroke_of((0.3 * metal + 0.5 * air) * fall(time_s, length), time_s, 0.0008)

    return strike


def _shaker(kit: Kit, rate: float, rng: np.random.Generator) -> Audio:
    time_s = _axis(0.16, rate)
    shape = swell(time_s, 0.035) * fall(np.maximum(time_s - 0.035, 0), 0.022)
    return _stroke_of(_noise_pair(time_s, (5_000.0, 15_000.0), rate, rng) * shape, time_s, 0.002)


def _cymbal(length_s: float, ping: float) -> Callable[[Kit, float, np.random.Generator], Audio]:
    def strike(kit: Kit, rate: float, rng: np.random.Generator) -> Audio:
        time_s = _axis(4 * length_s, rate)
        metal = _metal(time_s, (900.0, 11_000.0), rate, rng) * fall(time_s, 0.8 * length_s)
        bright = _noise_pair(time_s, (4_000.0, 19_000.0), rate, rng) * fall(time_s, 0.55 * length_s)
        bell = np.sin(2 * np.pi * 2_370 * time_s) * fall(time_s, 0.1)
        return _stroke_of(0.35 * metal + 0.5 * (1 - ping) * bright + ping * 0.5 * bell, time_s, 0.0015)

    return strike


def _tom(pitch_hz: float) -> Callable[[Kit, float, np.random.Generator], Audio]:
    def strike(kit: Kit, rate: float, rng: np.random.Generator) -> Audio:
        time_s = _axis(0.5, rate)
        glide_hz = pitch_hz * (1 + 0.5 * fall(time_s, 0.03))
        body = np.sin(2 * np.pi * np.cumsum(glide_hz) / rate) * fall(time_s, 0.13)
        skin = 0.12 * _noise(time_s, (700.0, 5_000.0), rate, rng) * fall(time_s, 0.02)
        return _stroke_of(0.8 * body + skin, time_s, 0.001)

    return strike


STROKES: Mapping[str, Callable[[Kit, float, np.random.Generator], Audio]] = {
    "kick": _kick,
    "snare": _snare,
    "rim": _rim,
    "clap": _clap,
    "closed_hat": _hat(1.0),
    "open_hat": _hat(6.0),
    "shaker": _shaker,
    "ride": _cymbal(0.5, 0.55),
    "crash": _cymbal(0.75, 0.0),
    "high_tom": _tom(165.0),
    "low_tom": _tom(98.0),
}


def _axis(length_s: float, rate: float) -> Curve:
    return seconds_axis(round(length_s * rate), rate)


def _stroke_of(sound: Curve, time_s: Curve, attack_s: float) -> Audio:
    """The sound in stereo with a soft first millisecond and an end that reaches zero."""
    shaped = np.atleast_2d(sound) * swell(time_s, attack_s) * swell(time_s[-1] - time_s, 0.01)
    return np.broadcast_to(shaped, (2, len(time_s))).astype(np.float32)


def _noise(time_s: Curve, band_hz: tuple[float, float], rate: float, rng: np.random.Generator) -> Curve:
    """Noise of one band with a peak near 1."""
    low_hz, high_hz = band_hz[0], min(band_hz[1], 0.46 * rate)
    sections = signal.butter(2, (min(low_hz, 0.7 * high_hz), high_hz), "bandpass", fs=rate, output="sos")
    heard = signal.sosfilt(sections, rng.normal(0.0, 1.0, len(time_s)))
    return np.asarray(heard / (3 * np.std(heard)))


def _noise_pair(time_s: Curve, band_hz: tuple[float, float], rate: float, rng: np.random.Generator) -> Curve:
    """Two noises that share half their power, `(2, frames)`: wide, and still there in mono."""
    shared = _noise(time_s, band_hz, rate, rng)
    return np.stack([(shared + _noise(time_s, band_hz, rate, rng)) / 2**0.5 for _ in range(2)])


def _metal(time_s: Curve, band_hz: tuple[float, float], rate: float, rng: np.random.Generator) -> Curve:
    """The inharmonic partials of a cymbal within a band, drawn afresh for each take, with a peak near 1."""
    low_hz, high_hz = band_hz[0], min(band_hz[1], 0.45 * rate)
    partials_hz = low_hz * (high_hz / low_hz) ** rng.uniform(0, 1, METAL_PARTIALS)
    # Moved to the nearest whole number of turns within the stroke, all partials together are one inverse transform.
    spectrum = np.zeros(len(time_s) // 2 + 1, dtype=np.complex128)
    turns = np.round(partials_hz * len(time_s) / rate).astype(int)
    np.add.at(spectrum, turns, np.exp(2j * np.pi * rng.uniform(0, 1, METAL_PARTIALS)))
    return np.asarray(fft.irfft(spectrum, len(time_s)) * (len(time_s) / 2 / METAL_PARTIALS**0.5 / 2))

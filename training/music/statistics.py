"""Numbers that tell real music from a toy, and how they are defined.

The functions are pure; audio is `(channels, frames)`. `None` stands for what is not defined: silence, samples that are
no numbers, one channel where two are compared, too few frames.

- crest factor, dB: the largest sample of any channel over the root mean square of all of them.
- loudness range, LU: EBU Tech 3342. Loudness of 3 s windows every 100 ms, those below -70 LUFS and those more than
  20 LU below the mean power of the rest left out; the 95th percentile of what remains less the 10th.
- stereo correlation: Pearson's coefficient of left and right; 1 is mono, 0 is as wide as two players in two rooms.
- side over mid, dB: the power of (left - right) / 2 over that of (left + right) / 2.
- mid/side correlation: Pearson's coefficient of those two; 0 when neither side is the louder one.
- spectral slope, dB per octave: the line of least squares through the power densities of third-octave bands from
  100 Hz to 8 kHz; white noise has 0, pink noise -3.
- bandwidth, Hz: the frequency below which 95 % of the energy lies.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.loudness import ABSOLUTE_GATE_LUFS, HOPS_PER_SECOND, LoudnessMeter

RANGE_WINDOW_S = 3
RANGE_GATE_LU = -20.0
RANGE_PERCENTILES = (10, 95)

SPECTRUM_S = 0.3
"""A spectrum is at least this long: bins of 2.7 Hz at 44.1 kHz, where the lowest third of an octave is 23 Hz wide."""

SLOPE_CENTRES_HZ = 100.0 * 2 ** (np.arange(20) / 3)
SMALLEST_SHARE = 1e-14
"""A band holds no less than this share of the energy, so that an empty one has a level."""

ENERGY_SHARE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """All the numbers of one piece; see the module for what they are."""

    crest_factor_db: float | None
    loudness_range_lu: float | None
    stereo_correlation: float | None
    spectral_slope_db_per_octave: float | None
    bandwidth_hz: float | None
    side_over_mid_db: float | None
    mid_side_correlation: float | None


QUANTITIES = tuple(field.name for field in fields(Statistics))


def measure(audio: Audio, sample_rate_hz: float) -> Statistics:
    """Every number of a piece `(channels, frames)`."""
    if not _sounds(audio):
        return Statistics(**dict.fromkeys(QUANTITIES))
    spectrum = power_spectrum(audio, sample_rate_hz)
    return Statistics(
        crest_factor_db=crest_factor_db(audio),
        loudness_range_lu=loudness_range_lu(audio, sample_rate_hz),
        stereo_correlation=stereo_correlation(audio),
        spectral_slope_db_per_octave=spectral_slope_db_per_octave(*spectrum),
        bandwidth_hz=bandwidth_hz(*spectrum),
        side_over_mid_db=side_over_mid_db(audio),
        mid_side_correlation=mid_side_correlation(audio),
    )


def crest_factor_db(audio: Audio) -> float | None:
    """The largest sample over the root mean square of all channels."""
    if not _sounds(audio):
        return None
    power = np.mean(np.square(audio, dtype=np.float64))
    return float(20 * np.log10(np.abs(audio).max()) - 10 * np.log10(power))


def loudness_range_lu(audio: Audio, sample_rate_hz: float) -> float | None:
    """How far loud passages lie above soft ones, after EBU Tech 3342; `None` below three seconds."""
    if not _sounds(audio):
        return None
    meter = LoudnessMeter(sample_rate_hz, len(audio))
    meter.add(audio)
    hops = RANGE_WINDOW_S * HOPS_PER_SECOND
    sums = np.cumsum(np.concatenate([[0.0], meter.hop_powers()]))
    loudness = 10 * np.log10(np.maximum((sums[hops:] - sums[:-hops]) / hops, 1e-30)) - 0.691
    loud = loudness[loudness > ABSOLUTE_GATE_LUFS]
    if not loud.size:
        return None
    gate_lufs = 10 * np.log10(np.mean(10 ** (loud / 10))) + RANGE_GATE_LU
    low, high = np.percentile(loud[loud > gate_lufs], RANGE_PERCENTILES, method="nearest")
    return float(high - low)


def stereo_correlation(audio: Audio) -> float | None:
    """Pearson's coefficient of left and right."""
    return _correlation(audio[0], audio[1]) if len(audio) == 2 and _sounds(audio) else None


def mid_side_correlation(audio: Audio) -> float | None:
    """Pearson's coefficient of mid and side; 0 where there is no side at all."""
    if len(audio) != 2 or not _sounds(audio):
        return None
    return _correlation(audio[0] + audio[1], audio[0] - audio[1]) or 0.0


def side_over_mid_db(audio: Audio) -> float | None:
    """The power of the side over that of the mid, held within 120 dB."""
    if len(audio) != 2 or not _sounds(audio):
        return None
    left, right = audio.astype(np.float64)
    mid, side = np.sum((left + right) ** 2), np.sum((left - right) ** 2)
    most = max(mid, side) * 1e-12
    return float(10 * np.log10(max(side, most) / max(mid, most)))


def power_spectrum(audio: Audio, sample_rate_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies and the energy at each, channels summed; every frame of the audio weighs the same."""
    size = 2 ** int(np.ceil(np.log2(SPECTRUM_S * sample_rate_hz)))
    hop = size // 2
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size)
    power = np.zeros(hop + 1)
    # Half a window of nothing before and after: the squares of overlapping sine windows then sum to one everywhere.
    for first in range(-hop, audio.shape[1], hop):
        piece = audio[:, max(first, 0) : first + size]
        padded = np.pad(piece, ((0, 0), (max(-first, 0), size - piece.shape[1] - max(-first, 0))))
        power += np.square(np.abs(np.fft.rfft(padded * window, axis=1))).sum(axis=0)
    power[1:-1] *= 2
    return np.asarray(np.fft.rfftfreq(size, 1 / sample_rate_hz), dtype=np.float64), power / size


def spectral_slope_db_per_octave(frequency_hz: NDArray[np.float64], power: NDArray[np.float64]) -> float | None:
    """The fall of a spectrum from 100 Hz to 8 kHz, in bands that the rate can hold."""
    total = float(power.sum())
    centres_hz = SLOPE_CENTRES_HZ[frequency_hz[-1] > SLOPE_CENTRES_HZ * 2 ** (1 / 6)]
    if not total > 0 or len(centres_hz) < 2:
        return None
    edges = np.searchsorted(frequency_hz, [centres_hz * 2 ** (-1 / 6), centres_hz * 2 ** (1 / 6)])
    density = [power[low:high].mean() for low, high in edges.T]
    levels_db = 10 * np.log10(np.maximum(density, SMALLEST_SHARE * total))
    return float(np.polyfit(np.log2(centres_hz), levels_db, 1)[0])


def bandwidth_hz(frequency_hz: NDArray[np.float64], power: NDArray[np.float64]) -> float | None:
    """The frequency below which 95 % of the energy of a spectrum lies."""
    reached = np.cumsum(power)
    return float(np.interp(ENERGY_SHARE * reached[-1], reached, frequency_hz)) if reached[-1] > 0 else None


def _sounds(audio: Audio) -> bool:
    """True for audio that has a power: not empty, not silent, all of it numbers."""
    power = float(np.sum(np.square(audio, dtype=np.float64)))
    return np.isfinite(power) and power > 0


def _correlation(one: Audio, other: Audio) -> float | None:
    first, second = (channel - channel.mean(dtype=np.float64) for channel in (one, other))
    scale = np.sqrt(np.sum(first**2) * np.sum(second**2))
    return float(np.clip(np.sum(first * second) / scale, -1, 1)) if scale > 0 else None

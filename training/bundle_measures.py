"""What a network's heads are taught of a segment: how its dynamics, image and tone differ between clean and damaged.

One row a segment, float32, of the columns in `COLUMNS`: each side's own measures, and the gain between the two. All of
them but the gain are free of level, so that turning a side up or down changes nothing else. What always holds: finite
numbers within the limits below, 0 for what silence has not, whatever the audio's level.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.segments import cut_segments
from rebounce.engine.tokens import Framing
from rebounce.training.mel_scale import mel_edges_hz

BANDS = 8
SIDE_COLUMNS = ("swing_db", "crest_db", "width_db", "correlation", *(f"band_{band}_db" for band in range(BANDS)))
COLUMNS = (*(f"{side}.{name}" for side in ("clean", "damaged") for name in SIDE_COLUMNS), "gain_db")

BLOCK_S = 0.05
# What is so far below the level of its segment is a pause or a band without music, and no deeper than that.
PAUSE_DB = -40.0
BAND_FLOOR_DB = -60.0
WIDTH_LIMIT_DB = 30.0
GAIN_LIMIT_DB = 24.0
FFT_FRAMES, HOP_FRAMES = 2048, 1024

Samples = NDArray[np.float64]


def measures_of(clean: Audio, damaged: Audio, framing: Framing, sample_rate_hz: int) -> NDArray[np.float32]:
    """`(segments, 25)` of two sides `(channels, frames)` of equal shape.

    `swing_db` is how much the level goes up and down: the standard deviation over blocks of 50 ms, in dB, of their RMS
    over all channels, pauses counted as 40 dB below the segment. `crest_db` is the peak over the RMS. `width_db` is the
    energy of (L - R) over that of (L + R), between -30 and 30 dB; `correlation` is that of left and right as a meter
    shows it, without taking the mean away. `band_0_db` to `band_7_db` are the parts of the energy in eight bands of
    equal width in mel, in dB of all eight together, -60 at least.

    `gain_db` is what the clean sound within the damaged one must be turned up by to be as loud as it was: 0 dB where
    something was only added, an echo or a noise, and -g dB after a gain of g dB; between -24 and 24 dB.
    """
    pairs = zip(cut_segments(clean, framing), cut_segments(damaged, framing), strict=True)
    rows = [_row(one.astype(np.float64), other.astype(np.float64), sample_rate_hz) for one, other in pairs]
    return np.array(rows, np.float32).reshape(len(rows), len(COLUMNS))


def _row(clean: Samples, damaged: Samples, sample_rate_hz: int) -> list[float]:
    return [*_side(clean, sample_rate_hz), *_side(damaged, sample_rate_hz), gain_db(clean, damaged)]


def _side(audio: Samples, sample_rate_hz: int) -> list[float]:
    """What `SIDE_COLUMNS` names, of one segment."""
    peak = float(np.abs(audio).max())
    if peak == 0:
        return [0.0] * len(SIDE_COLUMNS)
    level = audio / peak  # so that no level is too much or too little for a square
    rms = float(np.sqrt(np.mean(level**2)))
    left, right = level[0], level[-1]
    return [
        _swing_db(level, rms, round(BLOCK_S * sample_rate_hz)),
        -20 * float(np.log10(rms)),
        _ratio_db(np.sum((left - right) ** 2), np.sum((left + right) ** 2), WIDTH_LIMIT_DB),
        _correlation(left, right),
        *_bands_db(level, sample_rate_hz),
    ]


def _swing_db(audio: Samples, rms: float, block_frames: int) -> float:
    blocks = audio.shape[1] // block_frames
    powers = np.mean(audio[:, : blocks * block_frames].reshape(audio.shape[0], blocks, block_frames) ** 2, axis=(0, 2))
    floor = rms**2 * 10 ** (PAUSE_DB / 10)
    return float(np.std(10 * np.log10(np.maximum(powers, floor)))) if blocks else 0.0


def _correlation(left: Samples, right: Samples) -> float:
    scale = float(np.sqrt(np.sum(left**2) * np.sum(right**2)))
    return float(np.sum(left * right)) / scale if scale > 0 else 0.0


def _bands_db(audio: Samples, sample_rate_hz: int) -> NDArray[np.float64]:
    padded = np.pad(audio, ((0, 0), (FFT_FRAMES // 2, FFT_FRAMES // 2)))
    columns = sliding_window_view(padded, FFT_FRAMES, axis=1)[:, ::HOP_FRAMES]
    power = (np.abs(np.fft.rfft(columns * np.hanning(FFT_FRAMES + 1)[:-1])) ** 2).sum((0, 1))
    edges = np.ceil(mel_edges_hz(BANDS, sample_rate_hz) * (FFT_FRAMES / sample_rate_hz)).astype(int)
    bands = np.add.reduceat(power, edges)[:BANDS]
    shares = bands / max(float(bands.sum()), np.finfo(np.float64).tiny)
    return 10 * np.log10(np.maximum(shares, 10 ** (BAND_FLOOR_DB / 10)))


def gain_db(clean: Samples, damaged: Samples) -> float:
    """What the clean sound within the damaged one must be turned up by to be as loud as it was, within the limit."""
    within, whole = float(np.sum(clean * damaged)), float(np.sum(clean**2))
    return _ratio_db(whole**2, max(within, 0.0) ** 2, GAIN_LIMIT_DB) if whole > 0 else 0.0


def _ratio_db(above: float, below: float, limit_db: float) -> float:
    """Two energies as a ratio in dB; 0 where there is neither."""
    if above <= 0 or below <= 0:
        return float(np.sign(above - below)) * limit_db
    return float(np.clip(10 * (np.log10(above) - np.log10(below)), -limit_db, limit_db))

"""Pictures of a file, drawn from its `Overview`: the waveform and the spectrogram, as PNG files without axes.

Axes are for the page that shows a picture: `time_ticks` and `frequency_ticks` say where the labels belong, as
fractions of width and height, so that text stays text.
"""

import numpy as np
from numpy.typing import NDArray

from rebounce.engine import png
from rebounce.engine.audio import Audio
from rebounce.engine.colours import colour_map
from rebounce.engine.overview import HIGHEST_HZ, Overview, hz_row

QUIETEST_DBFS = -108.0
LOUDEST_DBFS = -12.0
"""The ends of the colour map: the same for every picture, so that two pictures can be compared."""

LANE_ROWS = 96
"""Height of one channel in a waveform."""

# Transparent, peaks, power, what reaches full scale, the zero line: mid tones that stand on white and on black.
WAVE_PALETTE = np.array(
    [[0, 0, 0, 0], [122, 146, 190, 255], [66, 99, 168, 255], [214, 72, 60, 255], [128, 128, 128, 110]], dtype=np.uint8
)
EMPTY, PEAK, POWER, FULL, ZERO = range(5)

TICK_STEPS_S = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    1200,
    3600,
)
MOST_TIME_TICKS = 7
TICKS_HZ = (100, 500, 1_000, 2_000, 4_000, 8_000, 12_000, 16_000, 20_000)

Tick = tuple[float, str]
"""Where (0-1, from the left or from the bottom) and what it says."""


def waveform_picture(overview: Overview) -> bytes:
    """The waveform as PNG, one lane per channel, full scale at the lane's edges, red where it is reached."""
    lanes = [
        _lane(lowest, highest, rms)
        for lowest, highest, rms in zip(overview.lowest, overview.highest, overview.rms, strict=True)
    ]
    return png.encode_indexed(np.concatenate(lanes), WAVE_PALETTE)


def spectrogram_picture(overview: Overview, top_hz: float = HIGHEST_HZ) -> bytes:
    """The spectrogram from 0 Hz up to `top_hz` as PNG, low frequencies at the bottom."""
    palette = colour_map()
    rows = max(1, round(hz_row(min(top_hz, HIGHEST_HZ))))
    shares = (overview.spectrum_dbfs[:rows] - QUIETEST_DBFS) / (LOUDEST_DBFS - QUIETEST_DBFS)
    indices = np.clip(np.round(shares * (len(palette) - 1)), 0, len(palette) - 1).astype(np.uint8)
    return png.encode_indexed(np.ascontiguousarray(_at_least_one_column(indices)[::-1]), palette)


def time_ticks(duration_s: float) -> list[Tick]:
    """A few round times between 0 and the end."""
    if duration_s <= 0:
        return []
    step = next((step for step in TICK_STEPS_S if duration_s / step <= MOST_TIME_TICKS), TICK_STEPS_S[-1])
    count = int(duration_s / step * (1 + 1e-9))
    return [(index * step / duration_s, time_label(index * step, step)) for index in range(count + 1)]


def time_label(time_s: float, step_s: float = 1.0) -> str:
    """A time as a clock shows it, with as many decimals as the step needs."""
    if step_s < 1:
        decimals = next(places for places in (1, 2, 3) if round(step_s * 10**places, 6) >= 1)
        return f"{time_s:.{decimals}f} s"
    whole = round(time_s)
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def frequency_ticks(top_hz: float = HIGHEST_HZ) -> list[Tick]:
    """Round frequencies that lie in the picture up to `top_hz`."""
    top = hz_row(min(top_hz, HIGHEST_HZ))
    return [(hz_row(hz) / top, _hz_label(hz)) for hz in TICKS_HZ if hz_row(hz) < 0.985 * top]


def _hz_label(hz: int) -> str:
    return f"{hz // 1000} kHz" if hz >= 1000 else f"{hz} Hz"


def _lane(lowest: Audio, highest: Audio, rms: Audio) -> NDArray[np.uint8]:
    """One channel `(LANE_ROWS, columns)`; a column is always at least one row high."""
    half = (LANE_ROWS - 1) / 2
    rows = np.arange(LANE_ROWS)[:, None]
    top, bottom = (half - half * np.clip(highest, -1, 1), half - half * np.clip(lowest, -1, 1))
    lane = np.full((LANE_ROWS, len(lowest)), EMPTY, dtype=np.uint8)
    lane[LANE_ROWS // 2] = ZERO
    is_peak = (rows >= np.floor(top)) & (rows <= np.ceil(bottom))
    is_power = is_peak & (np.abs(rows - half) <= half * rms)
    is_full = is_peak & (np.maximum(highest, -lowest) >= 1.0)
    for mask, colour in ((is_peak, PEAK), (is_power, POWER), (is_full, FULL)):
        lane[mask] = colour
    return _at_least_one_column(lane)


def _at_least_one_column(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The pixels, or for an empty file one empty column, since a picture cannot have none."""
    return pixels if pixels.shape[1] else np.zeros((pixels.shape[0], 1), dtype=np.uint8)

"""The last word on tone: rumble off at the bottom, ultrasound off at the top, and a lift of the air.

What always holds: minimum-phase second-order sections in float64, each laid out on the bilinear transform's own
frequency scale, so that corners and lifts lie where they are asked for at any sample rate, right up to half of it. The
shelf rises all the way: it dips nowhere.
"""

import math

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.parameters import Number
from rebounce.engine.plugin import Plugin
from rebounce.engine.stream import GRID_FRAMES, Kernel, Timing

BLOCK_FRAMES = 2 * GRID_FRAMES

# At `air_hz` the shelf has reached its lift but for this much, in dB and as a share of it; the smaller counts.
SHELF_SHORTFALL_DB = 0.1
SHELF_SHORTFALL_SHARE = 0.05

# The low-pass may take this much at four fifths of its corner: 16 kHz for a corner at 20 kHz.
LOWPASS_DROOP_DB = 0.1
LOWPASS_CLEAR_SHARE = 0.8
HIGHEST_LOWPASS_ORDER = 10

# A corner nearer to half the sample rate than this does nothing that the sample rate does not do by itself.
HIGHEST_CORNER_SHARE = 0.95

# Filter states below this are set to zero between blocks: they would sink into denormal numbers, which are slow.
SMALLEST_STATE = 1e-30

Sections = NDArray[np.float64]
Polynomial = tuple[float, float, float]
"""The factors of s^2, s and 1."""


def highpass_sections(corner_hz: float, sample_rate_hz: float) -> Sections:
    """Second-order Butterworth high-pass, -3 dB at the corner; none at 0 Hz."""
    if not 0 < corner_hz < HIGHEST_CORNER_SHARE * sample_rate_hz / 2:
        return np.zeros((0, 6))
    return np.array([_section((1, 0, 0), (1, math.sqrt(2), 1), warped(corner_hz, sample_rate_hz))])


def lowpass_sections(corner_hz: float, sample_rate_hz: float) -> Sections:
    """Butterworth low-pass of the lowest order that is clear at 0.8 of its corner; none near half the sample rate."""
    if corner_hz >= HIGHEST_CORNER_SHARE * sample_rate_hz / 2:
        return np.zeros((0, 6))
    corner = warped(corner_hz, sample_rate_hz)
    clear = warped(LOWPASS_CLEAR_SHARE * corner_hz, sample_rate_hz) / corner
    order = 2
    while order < HIGHEST_LOWPASS_ORDER and 10 * math.log10(1 + clear ** (2 * order)) > LOWPASS_DROOP_DB:
        order += 2
    dampings = [2 * math.sin((2 * pair + 1) * math.pi / (2 * order)) for pair in range(order // 2)]
    return np.array([_section((0, 0, 1), (1, damping, 1), corner) for damping in dampings])


def air_sections(lift_db: float, air_hz: float, sample_rate_hz: float) -> Sections:
    """Second-order high shelf that has reached its lift at `air_hz`; none where that lies above half the sample rate.

    With A the lift as a factor, |H|^2 = (1 + A w^4) / (1 + w^4 / A) in the warped frequency w: 1 at the bottom, A^2 at
    the top, rising all the way between.
    """
    if lift_db == 0 or air_hz >= HIGHEST_CORNER_SHARE * sample_rate_hz / 2:
        return np.zeros((0, 6))
    lift = 10 ** (lift_db / 20)
    power_at_air = 10 ** ((lift_db - min(SHELF_SHORTFALL_DB, SHELF_SHORTFALL_SHARE * lift_db)) / 10)
    w_at_air = ((power_at_air - 1) / (lift - power_at_air / lift)) ** 0.25
    middle = warped(air_hz, sample_rate_hz) / w_at_air
    return np.array([_section(_flattest(lift), _flattest(1 / lift), middle)])


def warped(frequency_hz: float, sample_rate_hz: float) -> float:
    """The frequency on the analog side of the bilinear transform."""
    return math.tan(math.pi * frequency_hz / sample_rate_hz)


def _flattest(a: float) -> Polynomial:
    """The polynomial whose square magnitude is 1 + a w^4."""
    return math.sqrt(a), math.sqrt(2 * math.sqrt(a)), 1.0


def _section(numerator: Polynomial, denominator: Polynomial, unit: float) -> NDArray[np.float64]:
    """One digital section `(6,)` from its analog form, whose w = 1 lies at the warped frequency `unit`."""
    above, below = _bilinear(numerator, unit), _bilinear(denominator, unit)
    section: NDArray[np.float64] = np.concatenate([above, below]) / below[0]
    return section


def _bilinear(polynomial: Polynomial, unit: float) -> NDArray[np.float64]:
    """The polynomial in 1/z, with s = (1 - 1/z) / (1 + 1/z) / unit."""
    square, linear, one = polynomial[0] / unit**2, polynomial[1] / unit, polynomial[2]
    return np.array([square + linear + one, 2 * (one - square), square - linear + one])


class FilterKernel:
    """One run of some second-order sections, in float64 from block to block."""

    def __init__(self, sections: Sections, channels: int) -> None:
        # Here and not above: scipy.signal takes half a second to import, and chains without this plugin do without.
        from scipy.signal import sosfilt

        self._sosfilt = sosfilt
        self._sections = sections
        self._state = np.zeros((len(sections), channels, 2))

    def __call__(self, block: Audio) -> Audio:
        if not len(self._sections):
            return block
        filtered, self._state = self._sosfilt(self._sections, block, zi=self._state)
        self._state[np.abs(self._state) < SMALLEST_STATE] = 0.0
        output: Audio = filtered.astype(np.float32)
        return output


class Shape(Plugin):
    """High-pass, air shelf and low-pass in one.

    The shelf has its whole lift, within 0.1 dB, from `air_hz` upwards. 0 switches `highpass_hz` or `air_db` off; a
    `lowpass_hz` above half the sample rate is off by itself. `strength` scales the lift in dB and moves the two corners
    outwards, to `strength * highpass_hz` and `lowpass_hz / strength`: a blend of wet and dry would comb instead.
    """

    highpass_hz = Number(0.0, 1_000.0)
    lowpass_hz = Number(1_000.0, 96_000.0)
    air_db = Number(0.0, 12.0)
    air_hz = Number(2_000.0, 40_000.0)
    strength = Number(0.0, 1.0)

    def __init__(
        self,
        *,
        highpass_hz: float = 20.0,
        lowpass_hz: float = 20_000.0,
        air_db: float = 2.0,
        air_hz: float = 10_000.0,
        strength: float = 1.0,
    ) -> None:
        super().__init__(
            highpass_hz=highpass_hz, lowpass_hz=lowpass_hz, air_db=air_db, air_hz=air_hz, strength=strength
        )

    def timing(self, sample_rate_hz: float) -> Timing:
        return Timing(block_frames=BLOCK_FRAMES)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        return FilterKernel(self.sections(sample_rate_hz), channels)

    def sections(self, sample_rate_hz: float) -> Sections:
        """The filters at this rate and strength, as second-order sections `(any, 6)`; the strength is above 0."""
        return np.concatenate(
            [
                highpass_sections(self.strength * self.highpass_hz, sample_rate_hz),
                air_sections(self.strength * self.air_db, self.air_hz, sample_rate_hz),
                lowpass_sections(self.lowpass_hz / self.strength, sample_rate_hz),
            ]
        )

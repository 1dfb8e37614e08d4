"""Sample-rate conversion between any two whole rates: exact length, lag 0, the same bits for any block size.

The conversion is done on spectra. A window of a whole number of periods of both rates (147 samples at 44.1 kHz last as
long as 160 at 48 kHz) is transformed, low-passed, and transformed back at the other length, so no ratio is special and
none needs a table of filters. The low-pass is 1 up to 0.4535 of the lower rate (20 kHz at 44.1 kHz) and 0 from half of
it on. Between them it falls as the running integral of a Kaiser window, so that 170 samples of the lower rate away its
impulse response has died out to where neighbouring windows agree within float32: they overlap by that much, and only
their middles are kept. The grid is fixed from frame 0.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from rebounce.engine.audio import Audio, joined
from rebounce.engine.errors import UsageError
from rebounce.engine.plugin import HIGHEST_RATE_HZ, LOWEST_RATE_HZ

PASS_RATIO = 0.4535
STOP_RATIO = 0.5
KAISER_BETA = 14.0
RESPONSE_SAMPLES = 170
SMALLEST_WINDOW = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How windows are cut: everything counted in periods, the shortest span that both rates divide."""

    period_in: int
    period_out: int
    context: int
    kept: int

    @property
    def periods(self) -> int:
        return self.kept + 2 * self.context


class Resampler:
    """One conversion: push `(channels, any)`, then finish; `resampled_frames` of all that went in come out."""

    def __init__(self, from_hz: int, to_hz: int, channels: int) -> None:
        self._from_hz = whole_rate(from_hz)
        self._to_hz = whole_rate(to_hz)
        self._channels = channels
        self._plan = _plan(self._from_hz, self._to_hz)
        self._gains = _gains(self._plan, self._from_hz, self._to_hz)
        self._queue = [self._zeros(self._plan.context * self._plan.period_in)]
        self._queued = self._queue[0].shape[1]
        self._received = 0
        self._returned = 0

    def push(self, audio: Audio) -> Audio:
        """Take the next block and return what is ready."""
        self._received += audio.shape[1]
        if self._from_hz == self._to_hz:
            self._returned = self._received
            return audio
        return self._run(audio, self._ready_frames())

    def finish(self) -> Audio:
        """The rest."""
        blocks = []
        while self._returned < resampled_frames(self._received, self._from_hz, self._to_hz):
            zeros = self._zeros(self._plan.periods * self._plan.period_in)
            blocks.append(self._run(zeros, resampled_frames(self._received, self._from_hz, self._to_hz)))
        return joined(blocks, self._channels)

    def _ready_frames(self) -> int:
        """Outputs that exist however the piece goes on: those at or before the last input."""
        return self._received * self._to_hz // self._from_hz

    def _run(self, audio: Audio, limit: int) -> Audio:
        """Convert every window that is whole, and return no more than `limit` frames in all."""
        plan = self._plan
        window = plan.periods * plan.period_in
        self._queued += audio.shape[1]
        if self._queued < window:
            self._queue.append(audio.copy())  # the caller may reuse its block
            return self._zeros(0)
        waiting = joined([*self._queue, audio], self._channels)
        blocks = []
        while waiting.shape[1] >= window:
            block = self._convert(waiting[:, :window])[:, : max(0, limit - self._returned)]
            self._returned += block.shape[1]
            blocks.append(block)
            waiting = waiting[:, plan.kept * plan.period_in :]
        self._queue = [waiting.copy()]
        self._queued = waiting.shape[1]
        return joined(blocks, self._channels)

    def _convert(self, window: Audio) -> Audio:
        plan = self._plan
        low = fft.rfft(window, axis=1)[:, : self._gains.size] * self._gains
        frames = plan.periods * plan.period_out
        spectrum = np.zeros((self._channels, frames // 2 + 1), dtype=np.complex64)
        spectrum[:, : self._gains.size] = low
        first = plan.context * plan.period_out
        converted: Audio = fft.irfft(spectrum, n=frames, axis=1)[:, first : first + plan.kept * plan.period_out]
        return converted

    def _zeros(self, frames: int) -> Audio:
        return np.zeros((self._channels, frames), dtype=np.float32)


def resampled_frames(frames: int, from_hz: int, to_hz: int) -> int:
    """How many frames `frames` become: round(frames x to / from)."""
    return round(Fraction(frames * to_hz, from_hz))


def resample_blocks(blocks: Iterable[Audio], from_hz: int, to_hz: int, frames: int) -> Iterator[Audio]:
    """The blocks, `frames` frames in all, at the other rate."""
    resampler: Resampler | None = None
    received = 0
    for block in blocks:
        resampler = resampler or Resampler(from_hz, to_hz, block.shape[0])
        received += block.shape[1]
        yield resampler.push(block)
    if received != frames:
        raise UsageError(f"resampling: expected {frames} frames, got {received}; the source ended early or grew")
    if resampler is not None:
        yield resampler.finish()


def _plan(from_hz: int, to_hz: int) -> Plan:
    """Windows that the transform is quick at, with the filter's response as context on both sides."""
    common = math.gcd(from_hz, to_hz)
    period_in, period_out = from_hz // common, to_hz // common
    response = RESPONSE_SAMPLES * max(1.0, from_hz / to_hz)
    context = math.ceil(response / period_in)
    fewest = max(4 * context, math.ceil(SMALLEST_WINDOW / max(period_in, period_out)))
    periods = fft.next_fast_len(fewest, real=True)
    return Plan(period_in=period_in, period_out=period_out, context=context, kept=periods - 2 * context)


def _gains(plan: Plan, from_hz: int, to_hz: int) -> NDArray[np.float32]:
    """The low-pass at the bins below its stop band, and the scale between the two lengths."""
    lower_hz = min(from_hz, to_hz)
    bin_hz = from_hz / (plan.periods * plan.period_in)
    bins = math.ceil(STOP_RATIO * lower_hz / bin_hz)
    place = (np.arange(bins) * bin_hz / lower_hz - PASS_RATIO) / (STOP_RATIO - PASS_RATIO)
    fall = np.cumsum(np.kaiser(20_001, KAISER_BETA))
    falls = np.interp(place, np.linspace(0, 1, fall.size), fall / fall[-1])
    gains: NDArray[np.float32] = ((1 - falls) * plan.period_out / plan.period_in).astype(np.float32)
    return gains


def whole_rate(rate_hz: float) -> int:
    """The rate, or a UsageError where it is not one that is converted."""
    if rate_hz != int(rate_hz) or not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise UsageError(
            f"sample rate {rate_hz:g} Hz: expected a whole number from {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz"
        )
    return int(rate_hz)

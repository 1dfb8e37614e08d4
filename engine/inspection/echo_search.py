"""Looks for an echo in what was seen of a file: which delays, of which kind, and whether it is there throughout.

Music repeats itself, and sequencers do so to the sample, so that a delay on the grid of the beat proves nothing: it is
left alone. An echo that is proof of a fault lies off that grid, stands far out of all other delays, and has the same
gain in nearly every stretch of the file and, where the channels differ, in their sum and in their difference: the slap
of one voice has not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.echo_fit import EchoFit, Fitted, Peak
from rebounce.engine.inspection.echo_spectrum import EchoSpectra, Floats
from rebounce.engine.inspection.tempo import Beats, Rhythm
from rebounce.engine.repair.echo_path import EchoPath

FEWEST_STRETCHES = 3
MOST_PEAKS = 10
# A tone that never changes repeats after each of its periods. In a band, the log of the mean power lies above the mean
# of the log by less than 1.6 in music, with echoes and without, and by more than 2.7 where there are nothing but lines.
BAND_HZ = 500.0
MOST_UNEVEN = 2.2
# Of the first echo, and of further ones beside it.
LEAST_SCORE = 20.0
LEAST_FURTHER_SCORE = 12.0
# Echoes worth a repair begin at 0.15; what sequenced or modulated music was taken for reached 0.135.
LEAST_GAIN = 0.145
# Before anything is fitted.
LEAST_FIRST_GAIN = 0.1
LEAST_FURTHER_GAIN = 0.11
MOST_ECHOES = 6
MOST_REPEATS = (1, 2, 3, 4, 5, 8)
# Peaks this near to one that was refused are the same, and so are two echoes.
SAME_S = 0.0015
LEAST_APART_S = 0.0003
# Several delays are believed over one that repeats if they fit better by this, or explain a peak that it does not.
CLEARLY_BETTER = 0.03

# A stretch agrees where its gain is within these shares of the middle one.
AGREEING_SHARES = (0.6, 1.5)
LEAST_AGREEING = 0.7
# The weaker of mid and side against the other: 0.83 at least in 53 pieces with an echo over all of them.
LEAST_SIDE_GAIN = 0.7
MOST_SPREAD = 0.35
# On the grid of the beat beside an echo that is not: it belongs to it only if its gain hardly varies.
MOST_SPREAD_ON_GRID = 0.06
# One delay more may not take away from those there are.
LEAST_KEPT_SHARE = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Spared:
    """A delay on the grid of the beat."""

    delay_s: float
    gain: float
    beat_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """The echo to be taken back, if there is one, how much it stands out and how much its gain varies, and what was
    left to the music."""

    path: EchoPath | None = None
    score: float = 0.0
    spread: float = 0.0
    spared: tuple[Spared, ...] = ()


class EchoSearch:
    """Sees blocks `(channels, any)` of one file; `sighting` is what came out."""

    def __init__(self, sample_rate_hz: float) -> None:
        self._spectra = EchoSpectra(sample_rate_hz)
        self._rhythm = Rhythm(sample_rate_hz)

    def see(self, block: Audio) -> None:
        """The next block."""
        self._spectra.see(block)
        self._rhythm.see(block)

    def sighting(self) -> Sighting:
        """To be called once, after the last block."""
        stretches = np.asarray(self._spectra.means, dtype=np.float64)
        if len(stretches) < FEWEST_STRETCHES:
            return Sighting()
        return _Looked(self._spectra, stretches, self._rhythm.beats()).sighting()


def search_echo(blocks: Iterable[Audio], sample_rate_hz: float) -> Sighting:
    """One pass over the file, `(channels, any)` a block."""
    search = EchoSearch(sample_rate_hz)
    for block in blocks:
        search.see(block)
    return search.sighting()


class _Looked:
    """One search: what was refused so far is not tried again."""

    def __init__(self, spectra: EchoSpectra, stretches: Floats, beats: Beats) -> None:
        self._grid = (spectra.frequencies_hz, spectra.sample_rate_hz)
        self._stretches = stretches
        self._mid_side = spectra.mid_side
        self._beats = beats
        self._fit = EchoFit(stretches.mean(axis=0), *self._grid)
        self._refused_s: list[float] = []
        self._spared: list[Spared] = []

    def sighting(self) -> Sighting:
        if _unevenness(self._stretches.mean(axis=0), self._grid[0]) > MOST_UNEVEN:
            return Sighting()
        peaks = self._fit.peaks(self._fit.ripple, MOST_PEAKS)
        off_grid = self._new_peaks(peaks, LEAST_SCORE)
        first = next((peak for peak in off_grid if peak.gain > LEAST_FIRST_GAIN), None)
        if first is None:
            return Sighting(spared=tuple(self._spared))
        fitted = self._agreeing(self._likelier(self._repeats(first), self._taps(first)))
        if fitted is None or max(self._gains_off_grid(fitted.path), default=0) < LEAST_GAIN:
            return Sighting(spared=tuple(self._spared))
        spread = float(self._spread(fitted).min())
        return Sighting(path=fitted.path, score=first.score, spread=spread, spared=tuple(self._spared))

    def _gains_off_grid(self, path: EchoPath) -> list[float]:
        """Of the echoes that are proof of a fault."""
        return [gain for delay_s, gain in _pairs(path) if self._beats.on_grid(delay_s) is None]

    def _new_peaks(self, peaks: list[Peak], least_score: float) -> Iterator[Peak]:
        """Those off the grid; those on it are noted."""
        for peak in peaks:
            if peak.score < least_score:
                return
            if any(abs(peak.delay_s - delay_s) < SAME_S for delay_s in self._refused_s):
                continue
            beat_s = self._beats.on_grid(peak.delay_s)
            if beat_s is None:
                yield peak
            else:
                self._refused_s.append(peak.delay_s)
                self._spared.append(Spared(delay_s=peak.delay_s, gain=peak.gain, beat_s=beat_s))

    def _likelier(self, repeats: Fitted, taps: Fitted) -> Fitted:
        """Which of the two kinds it is; further delays that are hardly there do not decide."""
        if self._penalised(taps) >= self._penalised(repeats):
            return repeats
        if taps.cost < (1 - CLEARLY_BETTER) * repeats.cost:
            return taps
        further = self._new_peaks(self._fit.peaks(repeats.rest, MOST_PEAKS), LEAST_FURTHER_SCORE)
        return taps if any(peak.gain > LEAST_FURTHER_GAIN for peak in further) else repeats

    def _repeats(self, first: Peak) -> Fitted:
        """The best fit of a delay that repeats."""
        twice = min((self._fit.refined(path) for path in _begun(first, repeats=2)), key=self._penalised)
        tried = [self._fit.refined(replace(twice.path, repeats=count), 3) for count in MOST_REPEATS]
        return self._fit.refined(min(tried, key=self._penalised).path)

    def _taps(self, first: Peak) -> Fitted:
        """The best fit of delays that have nothing to do with one another: one more as long as one stands out."""
        now = min((self._fit.refined(path) for path in _begun(first, repeats=0)), key=self._penalised)
        while len(now.path.gains) < MOST_ECHOES:
            peak = next(self._new_peaks(self._fit.peaks(now.rest, MOST_PEAKS), LEAST_FURTHER_SCORE), None)
            if peak is None:
                break
            now = self._with(now, peak, MOST_SPREAD) or now
        for spared in self._spared:
            peak = Peak(delay_s=spared.delay_s, gain=spared.gain, score=0.0, lowpass_hz=None)
            now = self._with(now, peak, MOST_SPREAD_ON_GRID) or now
        return now

    def _with(self, now: Fitted, peak: Peak, most_spread: float) -> Fitted | None:
        """One delay more, if it keeps its place, is loud enough and steady."""
        self._refused_s.append(peak.delay_s)
        if any(abs(peak.delay_s - delay_s) < LEAST_APART_S for delay_s in now.path.delays_s):
            return None
        gain = max(peak.gain, LEAST_FURTHER_GAIN)
        more = self._fit.refined(
            replace(now.path, delays_s=(*now.path.delays_s, peak.delay_s), gains=(*now.path.gains, gain))
        )
        if more.path.gains[-1] < LEAST_FURTHER_GAIN or self._spread(more)[-1] > most_spread:
            return None
        if min(np.divide(more.path.gains[:-1], now.path.gains)) < LEAST_KEPT_SHARE:
            return None
        self._refused_s.pop()
        return more

    def _penalised(self, fitted: Fitted) -> float:
        """The cost, and a price for every number that was free."""
        numbers = 2 * len(fitted.path.gains) + (fitted.path.lowpass_hz is not None)
        return fitted.cost + 1.5 * numbers * float(np.log(fitted.rest.size))

    def _agreeing(self, fitted: Fitted) -> Fitted | None:
        """The same from the stretches that agree, if most do, and without echoes that come and go."""
        agrees = _agrees(self._fit.gains_in(fitted, self._stretches)[:, np.argmax(fitted.path.gains)])
        if np.mean(agrees) < LEAST_AGREEING or not self._is_in_mid_and_side(fitted):
            return None
        if not agrees.all():
            self._stretches = self._stretches[agrees]
            self._fit = EchoFit(self._stretches.mean(axis=0), *self._grid)
            fitted = self._fit.refined(fitted.path)
        is_steady = (self._spread(fitted) < MOST_SPREAD) & (np.asarray(fitted.path.gains) > LEAST_FURTHER_GAIN)
        if is_steady.all() or not is_steady.any():
            return fitted if is_steady.any() else None
        kept = [pair for pair, steady in zip(_pairs(fitted.path), is_steady, strict=True) if steady]
        path = replace(fitted.path, delays_s=tuple(d for d, _ in kept), gains=tuple(g for _, g in kept))
        return self._fit.refined(path)

    def _is_in_mid_and_side(self, fitted: Fitted) -> bool:
        """Whether the loudest echo is about as loud in the difference of the channels as in their sum."""
        if self._mid_side is None:
            return True
        gains = self._fit.gains_in(fitted, self._mid_side)[:, np.argmax(fitted.path.gains)]
        return bool(gains.min() > LEAST_SIDE_GAIN * gains.max())

    def _spread(self, fitted: Fitted) -> Floats:
        """How much the gain of each echo varies, as a share of it."""
        gains = self._fit.gains_in(fitted, self._stretches)
        return np.asarray(np.std(gains, axis=0) / np.maximum(np.abs(np.mean(gains, axis=0)), 1e-6))


def _unevenness(log_spectrum: Floats, frequencies_hz: Floats) -> float:
    """How far the lines of a usual band stand above what lies between them."""
    width = int(BAND_HZ / frequencies_hz[0])
    bands = log_spectrum[: log_spectrum.size // width * width].reshape(-1, width)
    above = bands - bands.mean(axis=1, keepdims=True)
    return float(np.median(np.log(np.exp(above).mean(axis=1))))


def _pairs(path: EchoPath) -> list[tuple[float, float]]:
    return list(zip(path.delays_s, path.gains, strict=True))


def _begun(first: Peak, repeats: int) -> list[EchoPath]:
    """Where a fit may begin: with no low-pass, and with some."""
    cutoffs = {None, 5_000.0, first.lowpass_hz}
    return [
        EchoPath(delays_s=(first.delay_s,), gains=(min(first.gain, 0.6),), repeats=repeats, lowpass_hz=cutoff_hz)
        for cutoff_hz in sorted(cutoffs, key=lambda hz: hz or 0)
    ]


def _agrees(gains: Floats) -> NDArray[np.bool_]:
    middle = np.median(gains)
    return (gains > AGREEING_SHARES[0] * middle) & (gains < AGREEING_SHARES[1] * middle)

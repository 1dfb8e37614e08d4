"""Fits an echo to the ripple it leaves on a log spectrum, by least squares with weights.

The model is that of a stationary noise seen through a window: two echoes a time `t` apart are as coherent as the window
is with itself shifted by `t`, and the mean log spectrum is that of the mean power but for a constant. What varies
slowly with frequency is the music, and is taken away from ripple and model alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import fft, ndimage

from rebounce.engine.inspection.echo_spectrum import Floats
from rebounce.engine.repair.echo_path import EchoPath, Response, lowpass_response

# Ripples of echoes below this delay are taken for the music's own.
SHORTEST_S = 0.03
SEARCH_S = (0.055, 0.65)
LOWPASSES_HZ = (None, 6_000.0, 3_000.0, 1_500.0)
LOWPASS_RANGE_HZ = (700.0, 20_000.0)

WEIGHT_WIDTH_HZ = 150.0
CLIPPED_AT = 3.0
LEAST_VARIANCE = 0.02
# Residuals beyond this many deviations count only linearly.
ROBUST_AT = 2.5
LEAST_POWER = 1e-3

# A delay is a number of 0.1 ms in the fit, so that all numbers of a step are of one size.
DELAY_UNIT_S = 1e-4
LARGEST_STEPS = (0.3, 0.15, 0.7)
MOST_REPEATED_GAIN = 0.95
MOST_GAIN = 1.2
DAMPING_TRIALS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """A delay that stands out: `score` in deviations of all others, `gain` as of an echo that is alone."""

    delay_s: float
    gain: float
    score: float
    lowpass_hz: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A path, what the spectrum differs by from it, and the cost of that."""

    path: EchoPath
    rest: Floats
    cost: float


class EchoFit:
    """One log spectrum to which paths are fitted."""

    def __init__(self, log_spectrum: Floats, frequencies_hz: Floats, sample_rate_hz: float) -> None:
        self._frequencies_hz = frequencies_hz
        self._rate_hz = sample_rate_hz
        self._bin_hz = float(frequencies_hz[0])
        self.ripple = self.ripple_of(log_spectrum)
        clipped = np.clip(self.ripple, -CLIPPED_AT, CLIPPED_AT)
        width = int(WEIGHT_WIDTH_HZ / self._bin_hz)
        self._weights = 1 / (ndimage.uniform_filter1d(clipped**2, width, mode="nearest") + LEAST_VARIANCE)

    def ripple_of(self, log_spectra: Floats) -> Floats:
        """Without what varies slowly along the last axis."""
        width = int(1.5 / SHORTEST_S / self._bin_hz)
        smooth = ndimage.uniform_filter1d(log_spectra, width, axis=-1, mode="nearest")
        return np.asarray(log_spectra - ndimage.uniform_filter1d(smooth, width, axis=-1, mode="nearest"))

    def start(self) -> Fitted:
        """No echo at all."""
        return Fitted(path=EchoPath(), rest=self.ripple, cost=self._cost(self.ripple))

    def peaks(self, rest: Floats, most: int, apart_s: float = 0.002) -> list[Peak]:
        """The delays that stand out most from what is left, the best first, each with its best low-pass."""
        size = fft.next_fast_len(6 * rest.size, real=True)
        step_s = 1 / (self._bin_hz * size)
        first, last = (int(limit / step_s) for limit in SEARCH_S)
        weights = self._robust(rest)
        scores, gains = [], []
        for lowpass_hz in LOWPASSES_HZ:
            dull = lowpass_response(lowpass_hz, self._frequencies_hz, self._rate_hz)
            ripple = np.concatenate([[0], rest * weights * np.conj(dull)])
            gain = fft.irfft(ripple, size)[first:last] * (size / 2 / np.sum(weights * np.abs(dull) ** 2))
            gains.append(gain)
            scores.append(gain / (np.median(np.abs(gain)) / 0.6745 + 1e-12))
        best = np.argmax(scores, axis=0)
        score = np.max(scores, axis=0)
        found = []
        for _ in range(most):
            place = int(np.argmax(score))
            found.append(
                Peak(
                    delay_s=(first + place) * step_s,
                    gain=float(gains[best[place]][place]),
                    score=float(score[place]),
                    lowpass_hz=LOWPASSES_HZ[best[place]],
                )
            )
            score[max(0, place - int(apart_s / step_s)) : place + int(apart_s / step_s)] = 0
        return found

    def refined(self, path: EchoPath, most_steps: int = 8) -> Fitted:
        """The nearest path that fits best: Gauss-Newton steps, held back where they do not help."""
        now = self._fitted(path)
        damping = 1e-3
        for _ in range(most_steps):
            slopes = self._slopes(now.path)
            weights = self._robust(now.rest)
            matrix = (slopes * weights) @ slopes.T
            towards = (slopes * weights) @ now.rest
            for _ in range(DAMPING_TRIALS):
                step = np.asarray(np.linalg.solve(matrix + damping * np.diag(np.diag(matrix) + 1e-9), towards))
                following = self._fitted(_stepped(now.path, step))
                if following.cost < now.cost:
                    break
                damping *= 10
            else:
                return now
            gained, now = now.cost - following.cost, following
            damping = max(damping / 5, 1e-6)
            if gained < 1e-5 * now.cost:
                break
        return now

    def gains_in(self, fitted: Fitted, log_spectra: Floats) -> Floats:
        """The gains that each of several spectra would have by itself: `(spectra, delays)`."""
        slopes = self._slopes(fitted.path)
        count = len(fitted.path.gains)
        slopes = slopes[count : 2 * count]
        weighted = slopes * self._robust(fitted.rest)
        model = self.ripple - fitted.rest
        rests = np.clip(self.ripple_of(log_spectra) - model, -CLIPPED_AT, CLIPPED_AT)
        return np.asarray(fitted.path.gains + np.linalg.solve(weighted @ slopes.T, weighted @ rests.T).T)

    def _fitted(self, path: EchoPath) -> Fitted:
        rest = self.ripple - self.ripple_of(np.log(self._power(self._echoes(path), _delays_s(path))))
        return Fitted(path=path, rest=rest, cost=self._cost(rest))

    def _echoes(self, path: EchoPath) -> list[Response]:
        """The response of each echo."""
        dull = lowpass_response(path.lowpass_hz, self._frequencies_hz, self._rate_hz)
        turn = -2j * np.pi * self._frequencies_hz
        if not path.repeats:
            return [gain * dull * np.exp(turn * late) for late, gain in zip(path.delays_s, path.gains, strict=True)]
        echoes = [path.gains[0] * dull * np.exp(turn * path.delays_s[0])]
        while len(echoes) < path.repeats:
            echoes.append(echoes[-1] * echoes[0])
        return echoes

    def _power(self, echoes: Sequence[Response], delays_s: Sequence[float]) -> Floats:
        """The mean power of white noise with these echoes in a window, echoes that lie apart less coherent."""
        total = np.ones(self._frequencies_hz.size)
        for number, echo in enumerate(echoes):
            total += np.square(echo.real) + np.square(echo.imag)
            met: Response = self._coherence(delays_s[number]) * np.ones(1, dtype=np.complex128)
            for other in range(number):
                met = met + self._coherence(delays_s[number] - delays_s[other]) * echoes[other]
            total += 2 * (echo.real * met.real + echo.imag * met.imag)
        return np.maximum(total, LEAST_POWER)

    def _coherence(self, apart_s: float) -> float:
        """How alike a Hann window is to itself when it is shifted."""
        share = min(1.0, abs(apart_s) * self._bin_hz)
        turn = 2 * np.pi * share
        return float((1 - share) * (2 + np.cos(turn)) / 3 + np.sin(turn) / (2 * np.pi))

    def _slopes(self, path: EchoPath) -> Floats:
        """How the ripple changes with delays, gains and low-pass: `(numbers, frequencies)`."""
        echoes = self._echoes(path)
        turn = -2j * np.pi * DELAY_UNIT_S * self._frequencies_hz
        if path.repeats:
            often = np.sum([(number + 1) * echo for number, echo in enumerate(echoes)], axis=0)
            changes = [turn * often, often / path.gains[0]]
        else:
            often = np.sum(echoes, axis=0)
            changes = [turn * echo for echo in echoes]
            changes += [echo / gain for echo, gain in zip(echoes, path.gains, strict=True)]
        if path.lowpass_hz is not None:
            dull, duller = (
                lowpass_response(hz, self._frequencies_hz, self._rate_hz)
                for hz in (path.lowpass_hz, path.lowpass_hz * 1.01)
            )
            changes.append(often * (duller / dull - 1) / 0.01)
        whole = np.conj(1 + np.sum(echoes, axis=0)) * (2 / self._power(echoes, _delays_s(path)))
        return self.ripple_of(np.array([whole.real * part.real - whole.imag * part.imag for part in changes]))

    def _robust(self, rest: Floats) -> Floats:
        """The weights, smaller for what lies far out."""
        out = np.abs(rest) * np.sqrt(self._weights)
        return np.asarray(self._weights * np.minimum(1, ROBUST_AT / np.maximum(out, 1e-9)))

    def _cost(self, rest: Floats) -> float:
        out = np.abs(rest) * np.sqrt(self._weights)
        return float(np.sum(np.where(out < ROBUST_AT, out**2, 2 * ROBUST_AT * out - ROBUST_AT**2)))


def _delays_s(path: EchoPath) -> list[float]:
    return [reflection.delay_s for reflection in path.reflections()]


def _stepped(path: EchoPath, step: Floats) -> EchoPath:
    """The path a step further, no number by more than is safe."""
    count = len(path.gains)
    delay, gain, octave = LARGEST_STEPS
    moves_s = np.clip(step[:count], -delay, delay) * DELAY_UNIT_S
    gains = np.asarray(path.gains) + np.clip(step[count : 2 * count], -gain, gain)
    most = MOST_REPEATED_GAIN if path.repeats else MOST_GAIN
    gains = np.where(np.abs(gains) < 1e-3, 1e-3, np.clip(gains, -most, most))
    lowpass_hz = path.lowpass_hz
    if lowpass_hz is not None:
        lowpass_hz = float(np.clip(lowpass_hz * np.exp(np.clip(step[-1], -octave, octave)), *LOWPASS_RANGE_HZ))
    return replace(
        path,
        delays_s=tuple((np.asarray(path.delays_s) + moves_s).tolist()),
        gains=tuple(gains.tolist()),
        lowpass_hz=lowpass_hz,
    )

"""A path that was laid over noise is found again to a fraction of a frame."""

import numpy as np
import pytest
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.echo_fit import EchoFit
from rebounce.engine.inspection.echo_spectrum import EchoSpectra
from rebounce.engine.repair.echo_path import EchoPath

RATE = 16_000
SECONDS = 24


def echoed(audio: Audio, path: EchoPath) -> Audio:
    """By one long transform, so that delays need not be whole frames."""
    size = 2 * audio.shape[1]
    response = path.response(np.arange(size // 2 + 1) * (RATE / size), RATE)
    made: Audio = np.fft.irfft(np.fft.rfft(audio, size) * response, size)[:, : audio.shape[1]].astype(np.float32)
    return made


def fit_to(path: EchoPath) -> EchoFit:
    spectra = EchoSpectra(RATE)
    spectra.see(echoed(noise(SECONDS * RATE, seed=3), path))
    return EchoFit(np.asarray(spectra.means.mean(axis=0), dtype=np.float64), spectra.frequencies_hz, RATE)


@pytest.mark.parametrize("delay_s", [0.0701, 0.25, 0.4 + 0.4 / RATE])
def test_the_highest_peak_is_the_delay(delay_s: float) -> None:
    fit = fit_to(EchoPath(delays_s=(delay_s,), gains=(0.4,)))
    peak = fit.peaks(fit.ripple, 1)[0]
    assert peak.delay_s == pytest.approx(delay_s, abs=0.3 / RATE)
    assert peak.gain == pytest.approx(0.4, abs=0.08)
    assert peak.score > 50


@pytest.mark.parametrize(
    "path",
    [
        EchoPath(delays_s=(0.2 + 0.37 / RATE,), gains=(0.4,)),
        EchoPath(delays_s=(0.2, 0.31, 0.45), gains=(0.5, 0.3, 0.4)),
        EchoPath(delays_s=(0.2, 0.31), gains=(0.5, 0.3), lowpass_hz=2_000.0),
        EchoPath(delays_s=(0.13,), gains=(0.5,), repeats=4),
        EchoPath(delays_s=(0.13,), gains=(0.5,), repeats=3, lowpass_hz=2_500.0),
    ],
    ids=["a fraction of a frame", "three louder than the mix", "dull ones", "repeats", "dull repeats"],
)
def test_a_fit_that_begins_near_the_path_arrives_at_it(path: EchoPath) -> None:
    begun = EchoPath(
        delays_s=tuple(delay_s + 0.3 / RATE for delay_s in path.delays_s),
        gains=tuple(0.8 * gain for gain in path.gains),
        repeats=path.repeats,
        lowpass_hz=None if path.lowpass_hz is None else 1.6 * path.lowpass_hz,
    )
    found = fit_to(path).refined(begun, 12).path
    np.testing.assert_allclose(found.delays_s, path.delays_s, atol=0.05 / RATE)
    np.testing.assert_allclose(found.gains, path.gains, atol=0.02)
    if path.lowpass_hz is not None:
        assert found.lowpass_hz == pytest.approx(path.lowpass_hz, rel=0.08)


def test_a_refinement_never_costs_more() -> None:
    path = EchoPath(delays_s=(0.2,), gains=(0.4,))
    fit = fit_to(path)
    start = fit.refined(EchoPath(delays_s=(0.5,), gains=(0.9,)), 0)
    assert fit.refined(start.path).cost <= start.cost
    assert fit.refined(path).cost < fit.start().cost


def test_each_stretch_tells_the_gain_by_itself() -> None:
    spectra = EchoSpectra(RATE)
    path = EchoPath(delays_s=(0.2,), gains=(0.4,))
    audio = noise(SECONDS * RATE, seed=3)
    half = audio.shape[1] // 2
    spectra.see(np.concatenate([echoed(audio[:, :half], path), audio[:, half:]], axis=1))
    stretches = np.asarray(spectra.means, dtype=np.float64)
    fit = EchoFit(stretches.mean(axis=0), spectra.frequencies_hz, RATE)
    gains = fit.gains_in(fit.refined(path), stretches)[:, 0]
    assert gains[:6].min() > 0.3
    assert gains[-6:].max() < 0.1

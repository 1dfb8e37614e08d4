"""The music maker as a whole: mixes that are reproducible, stereo, and dynamic as unmastered music is."""

import numpy as np
import pytest

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.engine.loudness import LoudnessMeter
from rebounce.training.music import STEMS, STYLES, Mix, make_mix, premix
from rebounce.training.music.desk import PEAK_DBFS, SILENCE_S, through_bus
from rebounce.training.music.score import LEAD_IN_S

RATE = 44_100


@pytest.fixture(scope="module", params=sorted(STYLES))
def mix(request: pytest.FixtureRequest) -> Mix:
    return make_mix(11, seconds=24.0, style=request.param)


def level_db(audio: Audio) -> float:
    return float(10 * np.log10(np.mean(audio.astype(np.float64) ** 2) + 1e-20))


def test_the_same_seed_gives_the_same_samples_and_another_seed_another_piece() -> None:
    one, again, other = (make_mix(seed, seconds=6.0) for seed in (3, 3, 4))
    assert np.array_equal(one.audio, again.audio)
    assert all(np.array_equal(one.stems[name], again.stems[name]) for name in STEMS)
    assert abs(np.corrcoef(one.audio[0], other.audio[0])[0, 1]) < 0.5


@pytest.mark.parametrize(("seconds", "rate"), [(5.0, 44_100), (7.3, 48_000), (6.0, 16_000)])
def test_length_shape_and_rate_are_as_asked(seconds: float, rate: int) -> None:
    mix = make_mix(1, seconds=seconds, sample_rate_hz=rate)
    assert mix.audio.shape == (2, round(seconds * rate))
    assert mix.audio.dtype == np.float32
    assert all(stem.shape == mix.audio.shape for stem in mix.stems.values())
    assert np.all(np.isfinite(mix.audio))


def test_peak_loudness_and_crest_factor_are_those_of_an_unmastered_mix(mix: Mix) -> None:
    peak_db = 20 * np.log10(np.abs(mix.audio).max())
    assert peak_db == pytest.approx(PEAK_DBFS, abs=0.01)
    meter = LoudnessMeter(RATE, 2)
    meter.add(mix.audio)
    loudness = meter.integrated_lufs()
    assert loudness is not None
    assert -20.5 < loudness < -15.5
    assert 13.0 < peak_db - level_db(mix.audio) < 19.0


def test_it_is_stereo_and_survives_mono(mix: Mix) -> None:
    mid, side = (mix.audio[0] + mix.audio[1]) / 2, (mix.audio[0] - mix.audio[1]) / 2
    assert -16.0 < level_db(side) - level_db(mid) < -4.0
    left, right = mix.audio.astype(np.float64)
    assert 0.4 < np.sum(left * right) / np.sqrt(np.sum(left**2) * np.sum(right**2)) < 0.95


def test_the_sections_differ_in_level(mix: Mix) -> None:
    levels = {name: level_db(mix.audio[:, start:end]) for name, start, end in mix.section_frames()}
    assert levels["chorus"] > levels["verse"] + 0.8
    assert levels["chorus"] > levels["break"] + 4.0
    assert levels["chorus"] > levels["intro"] + 2.0


def test_the_stems_sum_to_what_goes_through_the_bus(mix: Mix) -> None:
    assert np.array_equal(through_bus(premix(mix.stems), RATE), mix.audio)
    total = sum(stem.astype(np.float64) for stem in mix.stems.values())
    assert np.abs(total - premix(mix.stems)).max() < 1e-5


def test_every_stem_carries_sound(mix: Mix) -> None:
    assert set(mix.stems) == set(STEMS)
    assert all(level_db(stem) > -50.0 for stem in mix.stems.values())


def test_it_begins_and_ends_in_silence_and_stops_before_the_last_chorus(mix: Mix) -> None:
    assert not np.any(mix.audio[:, : int((LEAD_IN_S - 0.03) * RATE)])
    assert not np.any(mix.audio[:, mix.audio.shape[1] - int(SILENCE_S * RATE) + 2 :])
    end = next(end for name, _, end in mix.section_frames() if name == "break")
    pause = mix.audio[:, end - int(0.15 * RATE) : end - int(0.03 * RATE)]
    assert level_db(pause) < level_db(mix.audio) - 12.0


def test_its_spectrum_falls_like_music_and_reaches_the_top(mix: Mix) -> None:
    power = np.mean(np.abs(np.fft.rfft(mix.audio.astype(np.float64), axis=1)) ** 2, axis=0)
    frequency_hz = np.fft.rfftfreq(mix.audio.shape[1], 1 / RATE)
    centres = 100 * 2 ** (np.arange(20) / 3)
    bands = [power[(frequency_hz > c / 2 ** (1 / 6)) & (frequency_hz < c * 2 ** (1 / 6))].mean() for c in centres]
    slope_db_per_octave = 3 * np.polyfit(np.arange(20), 10 * np.log10(bands), 1)[0]
    assert -8.2 < slope_db_per_octave < -4.5
    assert 400.0 < frequency_hz[np.searchsorted(np.cumsum(power) / power.sum(), 0.95)] < 1_900.0
    assert frequency_hz[np.searchsorted(np.cumsum(power) / power.sum(), 0.9999)] > 16_000.0


def test_nothing_clicks_where_only_soft_sounds_play(mix: Mix) -> None:
    # Bass and chords are filtered far below 10 kHz: what is up there could only be a step in the signal.
    for name in ("bass", "chords"):
        spectrum = np.fft.rfft(mix.stems[name][0].astype(np.float64))
        spectrum[: round(10_000 * 24.0)] = 0
        assert np.abs(np.fft.irfft(spectrum)).max() < 0.004 * np.abs(mix.stems[name]).max()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"style": "polka"}, "music style 'polka': expected one of pop, soul"),
        ({"seconds": 1.0}, "expected at least 5 s"),
        ({"seconds": float("nan")}, "expected at least 5 s"),
        ({"sample_rate_hz": 4_000}, "expected 16000 to 192000 Hz"),
    ],
)
def test_what_cannot_be_is_said(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_mix(0, **arguments)  # type: ignore[arg-type]

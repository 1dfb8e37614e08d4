"""The loudness meter against closed-form tones, the cases of EBU Tech 3341, and pyloudnorm."""

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.loudness import LoudnessMeter, channel_weights, gated_lufs, k_weighting

TABLE_AT_48_KHZ = np.array(
    [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
)


def measured(audio: Audio, sample_rate_hz: float) -> float | None:
    meter = LoudnessMeter(sample_rate_hz, audio.shape[0])
    meter.add(audio)
    return meter.integrated_lufs()


def steps(levels_db: list[float], seconds: list[float], sample_rate_hz: int = 48_000) -> Audio:
    """A stereo tone of 1 kHz that holds each level for its time."""
    parts = [
        tone(1000, round(time * sample_rate_hz), sample_rate_hz, 10 ** (level / 20))
        for level, time in zip(levels_db, seconds, strict=True)
    ]
    return np.concatenate(parts, axis=1)


def test_the_filters_at_48_khz_are_the_standards_table() -> None:
    assert np.abs(k_weighting(48_000) - TABLE_AT_48_KHZ).max() < 5e-9


@pytest.mark.parametrize("rate", [32_000, 44_100, 48_000, 88_200, 96_000, 192_000])
def test_a_full_scale_sine_in_one_channel_reads_minus_3_01(rate: int) -> None:
    audio = tone(997, 3 * rate, rate, 1.0) * np.array([[1], [0]], dtype=np.float32)
    assert measured(audio, rate) == pytest.approx(-3.01, abs=0.03)


@pytest.mark.parametrize(
    ("levels_db", "seconds", "expected"),
    [
        ([-23], [20], -23.0),
        ([-33], [20], -33.0),
        ([-36, -23, -36], [10, 60, 10], -23.0),
        ([-72, -36, -23, -36, -72], [10, 10, 60, 10, 10], -23.0),
        ([-26, -20, -26], [20, 20.1, 20], -23.0),
    ],
    ids=["case 1", "case 2", "case 3", "case 4", "case 5"],
)
def test_the_cases_of_ebu_tech_3341(levels_db: list[float], seconds: list[float], expected: float) -> None:
    assert measured(steps(levels_db, seconds), 48_000) == pytest.approx(expected, abs=0.1)


def test_surrounds_count_more_and_the_low_frequency_channel_not_at_all() -> None:
    one = tone(997, 96_000, 48_000, 0.1)[:1]
    alone = [measured(np.eye(6, dtype=np.float32)[:, [place]] @ one, 48_000) for place in range(6)]
    front = alone[0]
    assert front is not None
    assert alone[3] is None
    assert alone[:3] == pytest.approx([front] * 3, abs=1e-9)
    assert alone[4:] == pytest.approx([front + 10 * np.log10(1.41)] * 2, abs=1e-9)


def test_channels_of_unknown_place_count_alike() -> None:
    for channels in (1, 2, 3, 4, 7, 8, 16):
        assert np.array_equal(channel_weights(channels), np.ones(channels))


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_it_agrees_with_pyloudnorm(rate: int) -> None:
    """With the same filters to 0.001 LU, as long as the end is quiet: pyloudnorm may count a last block that is not
    whole. Its default filters are laid out from rounded frequencies and gains: up to 0.05 LU on noise."""
    swell = np.sin(np.linspace(0.1, 3, 7 * rate + 1234)) ** 2
    audio = (noise(7 * rate + 1234, seed=rate) * swell).astype(np.float32)
    ours = measured(audio, rate)
    same_filters = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(audio.T.astype(np.float64))
    assert ours == pytest.approx(same_filters, abs=0.001)
    if rate >= 44_100:
        default = pyloudnorm.Meter(rate).integrated_loudness(audio.T.astype(np.float64))
        assert ours == pytest.approx(default, abs=0.1)


@given(
    sizes=st.lists(st.integers(1, 60_000), min_size=1, max_size=5),
    rate=st.sampled_from([8_000, 11_025, 44_100]),
    frames=st.integers(0, 100_000),
)
@settings(max_examples=20, deadline=None)
def test_the_result_does_not_depend_on_the_blocks(sizes: list[int], rate: int, frames: int) -> None:
    audio = noise(frames, seed=frames)
    meter = LoudnessMeter(rate, 2)
    for block in cut(audio, sizes):
        meter.add(block)
    assert meter.integrated_lufs() == measured(audio, rate)


def test_asking_on_the_way_changes_nothing() -> None:
    audio, meter = noise(150_000), LoudnessMeter(44_100, 2)
    for block in cut(audio, [7000]):
        meter.add(block)
        meter.integrated_lufs()
    assert meter.integrated_lufs() == measured(audio, 44_100)


def test_silence_has_no_loudness() -> None:
    assert measured(np.zeros((2, 48_000), np.float32), 48_000) is None


def test_what_lies_below_minus_70_has_no_loudness() -> None:
    assert measured(steps([-71], [2]), 48_000) is None
    assert measured(steps([-69], [2]), 48_000) == pytest.approx(-69, abs=0.05)


def test_less_than_400_ms_has_no_loudness() -> None:
    assert measured(noise(19_199), 48_000) is None
    assert measured(noise(19_200), 48_000) is not None
    assert measured(noise(0), 48_000) is None


def test_the_relative_gate_lies_10_lu_below_what_passes_the_absolute_one() -> None:
    loud, quiet = 1e-2, 1e-2 * 10**-1.1
    hops = np.repeat([loud, quiet], [400, 4])
    expected = np.convolve(hops, np.full(4, 0.25), mode="valid")
    kept = expected[expected > expected.mean() / 10]
    assert len(kept) < len(expected)
    assert gated_lufs(hops) == pytest.approx(-0.691 + 10 * np.log10(kept.mean()))


@pytest.mark.parametrize("channels", [1, 2])
def test_gain_scales_through(channels: int) -> None:
    audio = noise(96_000, channels)
    plain, half = measured(audio, 48_000), measured(audio * np.float32(0.5), 48_000)
    assert plain is not None
    assert half == pytest.approx(plain - 20 * np.log10(2), abs=1e-6)

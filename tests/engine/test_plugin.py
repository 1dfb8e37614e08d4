"""What every plugin promises: checked parameters, saving, and the analysis it needs."""

import numpy as np
import pytest
from doubles import Delay, FailAfter, PeakSeen, ToPeak
from signals import cut, noise

from rebounce.engine.audio import joined
from rebounce.engine.errors import ChainError, NotAnalysed, PluginError, UsageError


def test_parameters_are_live_and_checked() -> None:
    plugin = Delay(frames=3)
    plugin.frames = 5
    assert plugin.frames == 5
    assert plugin.latency_frames == 5
    with pytest.raises(ChainError, match="Delay: frames = -1, expected a number from 0 to 100000"):
        plugin.frames = -1


def test_a_misspelt_attribute_is_an_error() -> None:
    with pytest.raises(ChainError, match="found 'frame'; did you mean 'frames'"):
        Delay().frame = 3


@pytest.mark.parametrize("value", ["loud", True, float("nan"), None, [1]])
def test_a_value_of_the_wrong_type_is_refused(value: object) -> None:
    with pytest.raises(ChainError, match="expected a number from 0 to 1"):
        ToPeak(level=value)  # type: ignore[arg-type]


def test_an_unknown_parameter_names_the_nearest() -> None:
    with pytest.raises(ChainError, match="found 'frame'; did you mean 'frames'"):
        Delay.from_dict({"plugin": "Delay", "frame": 3})


def test_a_plugin_round_trips_with_its_analysis() -> None:
    plugin = ToPeak(level=0.25)
    plugin.analyse([noise(100, level=0.01)], 48_000)
    again = ToPeak.from_dict(plugin.to_dict())
    assert again.to_dict() == plugin.to_dict()
    assert again.analysis == plugin.analysis


def test_streaming_without_the_analysis_says_how_to_get_it() -> None:
    with pytest.raises(NotAnalysed, match=r"ToPeak must see the whole file.*call analyse\(blocks, sample_rate\)"):
        ToPeak().process(noise(100), 48_000, reset=False)


def test_a_whole_piece_is_analysed_each_time() -> None:
    plugin = ToPeak(level=0.5)
    for seed, level in ((1, 0.01), (2, 0.2)):
        assert np.abs(plugin(noise(1000, seed=seed, level=level), 48_000)).max() == pytest.approx(0.5)


def test_an_analysis_that_was_asked_for_stays() -> None:
    plugin, audio = ToPeak(level=0.5), noise(1000)
    plugin.analyse([audio], 48_000)
    kept = plugin.analysis
    assert np.abs(plugin(audio * np.float32(0.5), 48_000)).max() == pytest.approx(0.25)
    assert plugin.analysis == kept


def test_streamed_after_analyse_equals_the_whole() -> None:
    plugin, audio = ToPeak(), noise(30_000)
    whole = plugin(audio, 48_000)
    plugin.analyse(cut(audio, [1000]), 48_000)
    parts = [plugin.process(piece, 48_000, reset=False) for piece in cut(audio, [777])]
    assert np.array_equal(np.concatenate([*parts, plugin.flush()], axis=1), whole)


def test_analyse_without_a_rate_says_what_is_missing() -> None:
    with pytest.raises(UsageError, match=r"call analyse\(blocks, sample_rate\)"):
        ToPeak().analyse([noise(10)])


def test_an_analysis_of_another_plugin_is_refused() -> None:
    with pytest.raises(ChainError, match="expected a table with peak"):
        ToPeak.from_dict({"plugin": "ToPeak", "analysis": {"loudness": 3.0}})
    with pytest.raises(ChainError, match="needs none"):
        Delay.from_dict({"plugin": "Delay", "analysis": {}})


def test_the_frozen_result_is_plain_data() -> None:
    plugin = ToPeak()
    plugin.analysis = PeakSeen(peak=0.5)
    assert plugin.to_dict()["analysis"] == {"peak": 0.5}


def test_a_stream_needs_an_analysis_that_was_asked_for() -> None:
    plugin = ToPeak()
    plugin(noise(1000, level=0.01), 48_000)
    with pytest.raises(NotAnalysed, match="must see the whole file"):
        plugin.process(noise(1000), 48_000, reset=False)


@pytest.mark.parametrize("table", [{"peak": "high"}, {"peak": None}, {"peak": [1.0]}, {"peak": float("inf")}, {}])
def test_an_analysis_of_the_wrong_type_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(ChainError, match=r"analysis: peak = .* is not what an analysis gives"):
        ToPeak.from_dict({"plugin": "ToPeak", "analysis": table})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_input_that_is_no_number_is_named(value: float) -> None:
    audio = noise(100)
    audio[1, 7] = value
    with pytest.raises(UsageError, match="in channel 1 at frame 7"):
        ToPeak()(audio, 48_000)


def test_a_piece_that_broke_is_forgotten_and_the_next_one_is_whole() -> None:
    plugin = FailAfter(frames=16_000)
    plugin.process(noise(9_000), 48_000, reset=False)
    with pytest.raises(PluginError, match="seen 16384 frames"):
        plugin.process(noise(9_000), 48_000, reset=False)
    assert plugin.flush().shape[1] == 0
    piece = noise(8_000)
    assert np.array_equal(joined([plugin.process(piece, 44_100, reset=False), plugin.flush()], 2), piece)

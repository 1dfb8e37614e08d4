"""Boards: list-like, nested, saved exactly, and the same samples whatever the block size."""

from pathlib import Path

import numpy as np
import pedalboard
import pytest
from doubles import Delay, FailAfter, MakesNan, Smooth, ToPeak
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.board import Board
from rebounce.engine.errors import ChainError, PluginError, UsageError
from rebounce.engine.finish import Finish
from rebounce.engine.preset import load_preset

RATE = 44_100


def streamed(board: Board, audio: Audio, sizes: list[int]) -> Audio:
    parts = [board.process(piece, RATE, reset=False) for piece in cut(audio, sizes)]
    return np.concatenate([*parts, board.flush()], axis=1)


def six_effects() -> list[pedalboard.Plugin]:
    return [
        pedalboard.HighpassFilter(30),
        pedalboard.Compressor(-20, 3),
        pedalboard.PeakFilter(1000, 3, 1),
        pedalboard.Reverb(wet_level=0.1),
        pedalboard.Limiter(-1),
        pedalboard.Gain(-1),
    ]


def test_a_board_of_built_ins_equals_pedalboard() -> None:
    audio = noise(50_000)
    expected = pedalboard.Pedalboard(six_effects())(audio, RATE)
    assert np.abs(Board(six_effects())(audio, RATE) - expected).max() <= 1e-6


@pytest.mark.parametrize("frames", [8191, 8192, 8193, 20_001])
def test_one_native_call_gives_what_the_stream_gives(frames: int) -> None:
    audio, board = noise(frames), Board(six_effects())
    assert np.array_equal(streamed(board, audio, [777, 9000]), board(audio, RATE))


def test_neighbouring_built_ins_run_as_one_native_call() -> None:
    board = Board([pedalboard.Gain(1), Board([pedalboard.Gain(2)]), Delay(), pedalboard.Gain(3)])
    assert [stage.name for stage in board.stages()] == ["Gain + Gain", "Delay", "Gain"]


def test_a_board_is_a_list() -> None:
    gain, delay = pedalboard.Gain(1), Delay()
    board = Board([gain])
    board.append(delay)
    board.insert(0, pedalboard.Invert())
    assert (len(board), board[1] is gain, board[-1] is delay, delay in board) == (3, True, True, True)
    del board[0]
    board[0] = Delay(frames=2)
    assert [type(plugin).__name__ for plugin in board] == ["Delay", "Delay"]
    assert isinstance(board[:1], Board)


def test_what_is_no_plugin_is_refused_with_what_to_write() -> None:
    with pytest.raises(ChainError, match=r"a class is called first"):
        Board([pedalboard.Gain])
    with pytest.raises(ChainError, match=r"goes in as Vst3\(path\)"):
        Board(["/usr/lib/vst3/ZaMaximX2.vst3"])


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 30_000), min_size=1, max_size=4), frames=st.integers(1, 60_000))
def test_the_block_size_does_not_matter(sizes: list[int], frames: int) -> None:
    audio = noise(frames)
    board = Board([pedalboard.HighpassFilter(40), Delay(frames=99), Board([pedalboard.Reverb(), Smooth()])])
    assert np.array_equal(streamed(board, audio, sizes), board(audio, RATE))


@pytest.mark.parametrize(
    "effect",
    [
        pedalboard.MP3Compressor(2),
        pedalboard.Resample(8000),
        pedalboard.GSMFullRateCompressor(),
        pedalboard.PitchShift(2),
        pedalboard.Mix([pedalboard.Gain(-6), pedalboard.Resample(8000)]),
    ],
    ids=lambda effect: type(effect).__name__,
)
@pytest.mark.parametrize("frames", [1, 319, 8192, 60_001])
def test_built_ins_that_hold_frames_back_stream_in_full(effect: pedalboard.Plugin, frames: int) -> None:
    audio, board = tone(220, frames), Board([effect])
    whole = board(audio, RATE)
    assert whole.shape == audio.shape
    assert np.array_equal(streamed(board, audio, [1000, 5, 20_000]), whole)
    if frames > 8192:
        assert np.sqrt(np.mean(whole**2)) > 0.05  # not silent, as pedalboard's own streamed pitch shift is


def test_more_than_two_channels_go_pair_by_pair() -> None:
    audio = noise(20_000, channels=5)
    board = Board([pedalboard.Reverb(), pedalboard.Gain(-3)])
    together = board(audio, RATE)
    for first in (0, 2, 4):
        assert np.array_equal(together[first : first + 2], board(audio[first : first + 2], RATE))


@pytest.mark.parametrize("channels", [1, 2])
def test_an_array_of_two_by_two_is_no_puzzle(channels: int) -> None:
    assert Board([pedalboard.Gain(0)])(noise(2, channels=channels), RATE).shape == (channels, 2)


def test_a_plugin_that_needs_the_whole_file_sees_what_comes_before_it() -> None:
    audio = noise(40_000)
    board = Board([pedalboard.Gain(-20), ToPeak(level=0.5), Delay(), pedalboard.Gain(-6), ToPeak(level=0.7)])
    assert np.abs(board(audio, RATE)).max() == pytest.approx(0.7)
    board.analyse([audio], RATE)
    assert np.array_equal(streamed(board, audio, [999]), board(audio, RATE))


def test_what_one_file_showed_is_not_carried_to_the_next() -> None:
    board = Board([ToPeak(level=0.5)])
    board(noise(1000, level=0.01), RATE)
    assert "analysis" in board.to_dict()["chain"][0]
    assert "analysis" not in board.settings()["chain"][0]
    board.analyse([noise(1000)], RATE)
    assert "analysis" in board.settings()["chain"][0]


def test_a_board_saves_and_loads_exactly(tmp_path: Path) -> None:
    board = Board(
        [pedalboard.HighpassFilter(20.1), Board([pedalboard.Mix([pedalboard.Gain(1 / 3)]), pedalboard.Invert()])]
    )
    board.save(tmp_path / "my-chain.toml")
    again = load_preset(tmp_path / "my-chain.toml")
    assert again.to_dict() == board.to_dict()
    again.save(tmp_path / "again.toml")
    assert (tmp_path / "again.toml").read_bytes() == (tmp_path / "my-chain.toml").read_bytes()


def test_every_built_in_round_trips(tmp_path: Path) -> None:
    import soundfile

    from rebounce.engine.pedalboard_effects import EFFECTS, effect_from_dict, effect_to_dict

    impulse = tmp_path / "room.wav"
    soundfile.write(impulse, np.exp(-np.arange(400) / 50), RATE)
    for name in EFFECTS:
        extra = {"impulse_response_filename": str(impulse)} if name == "Convolution" else {}
        table = effect_to_dict(effect_from_dict({"plugin": name} | extra))
        assert set(table) == {"plugin", *EFFECTS[name]}
        assert effect_to_dict(effect_from_dict(table)) == table


def test_strength_0_returns_the_input_and_half_mixes_at_equal_latency() -> None:
    audio = noise(30_000)
    board = Board([Delay(frames=300), pedalboard.Invert(), pedalboard.MP3Compressor(2)])
    assert np.array_equal(board.at_strength(0)(audio, RATE), audio)
    inverted = Board([Delay(frames=300), pedalboard.Invert()]).at_strength(0.25)(audio, RATE)
    assert np.abs(inverted - audio * 0.5).max() < 1e-7
    with pytest.raises(UsageError, match="expected a number from 0 to 1"):
        board.at_strength(1.1)


def test_a_chain_at_half_strength_saves_and_loads() -> None:
    board = Board([pedalboard.Reverb(), Board([pedalboard.Gain(3)])]).at_strength(0.5)
    assert Board.from_dict(board.to_dict()).to_dict() == board.to_dict()


def test_samples_that_are_no_numbers_name_the_plugin_that_made_them() -> None:
    board = Board([Delay(), MakesNan()])
    with pytest.raises(PluginError, match="MakesNan: expected numbers, got NaN or infinity"):
        board(noise(50_000), RATE)


def test_after_a_failure_the_next_piece_succeeds() -> None:
    audio = noise(30_000)
    board = Board([Delay(), FailAfter(frames=10_000)])
    with pytest.raises(PluginError, match="as asked"):
        board(audio, RATE)
    assert np.array_equal(board(audio[:, :5000], RATE), audio[:, :5000])


def test_latency_is_the_sum() -> None:
    assert Board([Delay(frames=30), Board([Delay(frames=12)]), pedalboard.Gain(0)]).latency_frames == 42


def test_an_empty_board_hands_the_very_same_samples_on() -> None:
    audio = noise(1000)
    assert np.array_equal(Board([])(audio, RATE), audio)
    assert Board([]).is_identity()


def test_a_board_saved_after_a_run_treats_the_next_file_as_a_new_one_does(tmp_path: Path) -> None:
    board = Board([Finish(level_db=-20)])
    board(noise(40_000, level=0.01), RATE)
    board.save(tmp_path / "chain.toml")
    loud = noise(40_000, level=0.2)
    assert np.array_equal(load_preset(tmp_path / "chain.toml")(loud, RATE), Board([Finish(level_db=-20)])(loud, RATE))


def test_a_table_with_another_key_is_no_board() -> None:
    with pytest.raises(ChainError, match="chian"):
        Board.from_dict({"chian": []})


@pytest.mark.parametrize(("name", "container"), [("out.flac", "FLAC"), ("out.wav", "WAV"), ("out.ogg", "OGG")])
def test_restore_file_writes_what_the_name_says(tmp_path: Path, name: str, container: str) -> None:
    import soundfile

    soundfile.write(tmp_path / "in.wav", noise(5000).T, RATE)
    record = Board([pedalboard.Gain(-3)]).restore_file(tmp_path / "in.wav", tmp_path / name)
    assert (record.status, soundfile.info(tmp_path / name).format) == ("restored", container)
    with pytest.raises(UsageError, match=r"in \.wav, \.flac, \.mp3 or \.ogg"):
        Board([]).restore_file(tmp_path / "in.wav", tmp_path / "out.aiff")

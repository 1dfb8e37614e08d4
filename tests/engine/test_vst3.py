"""`Vst3` with real plugins: ZaMaximX2 (two channels, 480 frames of latency), ZamComp, ZamEQ2 and ZamDelay (one)."""

import base64
import copy
import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise

from rebounce.engine.audio import Audio
from rebounce.engine.board import Board
from rebounce.engine.errors import ChainError
from rebounce.engine.vst3 import Vst3

RATE_HZ = 48_000
FRAMES = 48_001


def loud(channels: int = 2, frames: int = FRAMES, seed: int = 0) -> Audio:
    """Noise that a limiter at -12 dB works on."""
    return noise(frames, channels, seed, level=0.4)


@pytest.fixture(scope="module")
def maxim(zam_folder: Path) -> Iterator[Vst3]:
    plugin = Vst3(str(zam_folder / "ZaMaximX2.vst3"), threshold_db=-12, release_ms=50)
    yield plugin
    plugin.close()


@pytest.fixture(scope="module")
def limited(maxim: Vst3) -> Audio:
    return maxim(loud(), RATE_HZ)


@pytest.fixture(scope="module")
def by_pedalboard(zam_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Audio:
    """What pedalboard itself makes of the same noise, in one call, in a process of its own."""
    folder = tmp_path_factory.mktemp("reference")
    np.save(folder / "in.npy", loud())
    script = (
        "import numpy as np, pedalboard, sys\n"
        "plugin = pedalboard.load_plugin(sys.argv[1], {'threshold_db': -12, 'release_ms': 50})\n"
        f"np.save('out.npy', plugin(np.load('in.npy'), {RATE_HZ}))\n"
    )
    command = [sys.executable, "-c", script, str(zam_folder / "ZaMaximX2.vst3")]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    reference: Audio = np.load(folder / "out.npy")
    return reference


def streamed(plugin: Vst3, audio: Audio, sizes: list[int]) -> Audio:
    plugin.reset()
    blocks = [plugin.process(block, RATE_HZ, reset=False) for block in cut(audio, sizes)]
    return np.concatenate([*blocks, plugin.flush()], axis=1)


# Place and length.


def test_it_does_what_pedalboard_does_in_one_call(limited: Audio, by_pedalboard: Audio) -> None:
    assert by_pedalboard.shape == limited.shape
    # A hosted plugin is fed on another grid than in one call of pedalboard's: the contract allows 1e-6.
    np.testing.assert_allclose(limited, by_pedalboard, rtol=0, atol=1e-6)


@pytest.mark.parametrize("frames", [0, 1, 319, 8191, 8192, 8193, FRAMES])
def test_as_many_frames_come_out_as_went_in(maxim: Vst3, frames: int) -> None:
    assert maxim(loud(frames=frames), RATE_HZ).shape == (2, frames)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 192_000])
def test_an_impulse_stays_where_it_is(maxim: Vst3, rate_hz: int) -> None:
    audio = np.zeros((2, 20_000), dtype=np.float32)
    audio[:, 9_999] = 0.01
    assert maxim.latency_frames == 480
    assert np.abs(maxim(audio, rate_hz)).argmax(axis=1).tolist() == [9_999, 9_999]


@settings(max_examples=12, deadline=None)
@given(sizes=st.lists(st.integers(1, 20_000), min_size=1, max_size=3).filter(lambda sizes: sum(sizes) > 500))
def test_the_size_of_the_blocks_does_not_matter(maxim: Vst3, limited: Audio, sizes: list[int]) -> None:
    assert np.array_equal(streamed(maxim, loud(), sizes), limited)


def test_the_same_input_gives_the_same_output_whatever_came_between(maxim: Vst3, limited: Audio) -> None:
    maxim(loud(seed=7), 44_100)
    assert np.array_equal(maxim(loud(), RATE_HZ), limited)


def test_a_run_that_was_left_in_the_middle_leaves_no_trace(maxim: Vst3, limited: Audio) -> None:
    maxim.process(loud(seed=3), RATE_HZ, reset=False)
    assert np.array_equal(maxim(loud(), RATE_HZ), limited)


def test_runs_in_two_threads_do_not_hear_each_other(maxim: Vst3, limited: Audio) -> None:
    board = Board([maxim])
    pieces = [loud(), loud(seed=1)] * 2
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda piece: board.stream(RATE_HZ, 2).push(piece), pieces))
    for index, blocks in enumerate(done):
        assert np.array_equal(blocks, done[index % 2])
    assert np.array_equal(done[0], limited[:, : done[0].shape[1]])


# Channels.


def test_a_plugin_for_one_channel_runs_once_for_each(zam_folder: Path) -> None:
    plugin = Vst3(str(zam_folder / "ZamComp.vst3"), threshold_db=-30)
    audio = loud(3, 9_000)
    one_by_one = [plugin(row[np.newaxis], RATE_HZ) for row in audio]
    assert np.array_equal(plugin(audio, RATE_HZ), np.concatenate(one_by_one))
    plugin.close()


def test_more_than_two_channels_go_pair_by_pair(maxim: Vst3) -> None:
    audio = loud(5, 9_000)
    parts = [maxim(audio[first : first + 2], RATE_HZ) for first in (0, 2, 4)]
    assert np.array_equal(maxim(audio, RATE_HZ), np.concatenate(parts))


def test_one_channel_through_a_plugin_for_two_is_either_of_two_equal_sides(maxim: Vst3) -> None:
    audio = loud(1, 9_000)
    assert np.array_equal(maxim(audio, RATE_HZ), maxim(np.repeat(audio, 2, axis=0), RATE_HZ)[:1])


# Strength.


def test_strength_mixes_the_dry_signal_in_at_equal_latency(zam_folder: Path, limited: Audio) -> None:
    path = str(zam_folder / "ZaMaximX2.vst3")
    half = Vst3(path, threshold_db=-12, release_ms=50, strength=0.5)
    np.testing.assert_allclose(half(loud(), RATE_HZ), (loud() + limited) / 2, rtol=0, atol=1e-6)
    half.strength = 0
    assert np.array_equal(half(loud(), RATE_HZ), loud())
    assert half.latency_frames == 0
    half.close()


# Parameters.


def test_a_parameter_set_in_the_middle_is_heard_from_the_next_block_on(zam_folder: Path) -> None:
    plugin = Vst3(str(zam_folder / "ZamEQ2.vst3"))
    audio = loud(1, 8192 * 6)
    before = plugin.process(audio[:, : 8192 * 2], RATE_HZ, reset=False)
    plugin.master_gain_db = -6
    after = plugin.process(audio[:, 8192 * 2 :], RATE_HZ, reset=False)
    assert plugin.master_gain_db == pytest.approx(-6, abs=0.06)
    assert np.array_equal(before, audio[:, : 8192 * 2])
    np.testing.assert_allclose(after[:, -8192:], audio[:, -8192:] * 10 ** (plugin.master_gain_db / 20), atol=1e-5)
    plugin.close()


def test_parameters_have_names_ranges_and_values(maxim: Vst3) -> None:
    release = maxim.parameters()["release_ms"]
    assert (release.low, release.high) == (1, 100)
    assert maxim.release_ms == pytest.approx(50, abs=0.1)
    assert maxim.name == "ZaMaximX2"
    # The plugin has a parameter of its own that is called latency_frames.
    assert "latency_frames_" in maxim.parameters()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"relase_ms": 50}, "found 'relase_ms'; did you mean 'release_ms'"),
        ({"release_ms": 300}, "release_ms = 300, expected a number from 1 to 100"),
        ({"release_ms": "fast"}, "release_ms = 'fast', expected a number from 1 to 100"),
        ({"strength": 2}, "strength = 2, expected a number from 0 to 1"),
        ({"plugin_name": "Maxim"}, "expected plugin_name = 'ZaMaximX2', the only one in it, found 'Maxim'"),
        ({"state": "VkMyIQ=="}, "expected state = base64 text of a whole plugin state, found 'VkMyIQ=='"),
        ({"state": "not base64!"}, "it was cut off or edited"),
    ],
)
def test_what_it_cannot_take_is_said_when_the_chain_is_built(
    zam_folder: Path, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ChainError, match=message.replace("(", r"\(")):
        Vst3(str(zam_folder / "ZaMaximX2.vst3"), **parameters)


def test_an_attribute_it_does_not_have_is_an_error_both_ways(maxim: Vst3) -> None:
    with pytest.raises(ChainError, match="did you mean 'threshold_db'"):
        maxim.treshold_db = -3
    assert not hasattr(maxim, "treshold_db")
    with pytest.raises(ChainError, match="expected a number from 1 to 100"):
        maxim.release_ms = 0
    assert maxim.release_ms == pytest.approx(50, abs=0.1)


def test_what_the_plugin_rounds_is_read_back_and_noted(zam_folder: Path) -> None:
    plugin = Vst3(str(zam_folder / "ZamDelay.vst3"), divisor=2.4)
    assert plugin.divisor == 2
    assert plugin.notes() == ["divisor = 2.4 was asked for, the plugin took 2.0"]
    plugin.divisor = 4
    assert plugin.notes() == []
    plugin.close()


@pytest.mark.parametrize("order", [1, -1])
def test_a_program_and_a_value_that_it_moves_can_be_set_in_either_order(zam_folder: Path, order: int) -> None:
    asked: dict[str, Any] = {"current_program": "PoppySnare", "threshold_db": -20.0}
    plugin = Vst3(str(zam_folder / "ZamComp.vst3"), **dict(list(asked.items())[::order]))
    assert plugin.current_program == "PoppySnare"
    assert plugin.threshold_db == pytest.approx(-20, abs=0.08)
    assert plugin.ratio != Vst3(str(zam_folder / "ZamComp.vst3")).ratio
    plugin.close()


# Saving.


def test_it_comes_back_from_its_table_with_equal_output(maxim: Vst3, limited: Audio) -> None:
    table = maxim.to_dict()
    assert table["plugin"] == maxim.path
    assert {"release_ms", "threshold_db", "state", "strength"} <= set(table)
    assert "output_ceiling_db" not in table  # it is where the plugin had it
    restored = Vst3.from_dict(table)
    assert restored.to_dict() == table
    assert np.array_equal(restored(loud(), RATE_HZ), limited)
    restored.close()


def test_what_was_set_after_a_run_is_in_the_state(zam_folder: Path) -> None:
    plugin = Vst3(str(zam_folder / "ZaMaximX2.vst3"), threshold_db=-12)
    plugin(loud(frames=100), RATE_HZ)
    plugin.threshold_db = -25
    from_state = Vst3(plugin.path, state=plugin.to_dict()["state"])
    assert from_state.threshold_db == plugin.threshold_db
    assert from_state.to_dict() == plugin.to_dict()
    plugin.close()
    from_state.close()


def test_saving_in_the_middle_of_a_run_does_not_disturb_it(zam_folder: Path, limited: Audio) -> None:
    plugin = Vst3(str(zam_folder / "ZaMaximX2.vst3"), threshold_db=-12, release_ms=50)
    first = plugin.process(loud()[:, :30_000], RATE_HZ, reset=False)
    assert Vst3.from_dict(plugin.to_dict()).to_dict() == plugin.to_dict()
    second = plugin.process(loud()[:, 30_000:], RATE_HZ, reset=False)
    assert np.array_equal(np.concatenate([first, second, plugin.flush()], axis=1), limited)
    plugin.close()


def test_state_alone_brings_everything_back_and_a_parameter_beside_it_wins(maxim: Vst3) -> None:
    state = maxim.to_dict()["state"]
    assert base64.b64decode(state).startswith(b"VC2!")
    plugin = Vst3(maxim.path, state=state, release_ms=20)
    assert plugin.threshold_db == maxim.threshold_db
    assert plugin.release_ms == pytest.approx(20, abs=0.1)
    assert plugin.to_dict()["state"] != state
    plugin.close()


def test_an_edited_table_says_what_is_wrong_with_it(maxim: Vst3) -> None:
    with pytest.raises(ChainError, match="did you mean 'threshold_db'"):
        Vst3.from_dict(maxim.to_dict() | {"threshhold_db": -3})
    with pytest.raises(ChainError, match="expected a number from 1 to 100"):
        Vst3.from_dict(maxim.to_dict() | {"release_ms": 101})
    with pytest.raises(ChainError, match="this plugin needs none"):
        Vst3.from_dict(maxim.to_dict() | {"analysis": {}})


def test_a_board_with_it_saves_scales_and_comes_back(maxim: Vst3, limited: Audio) -> None:
    board = Board([maxim])
    table = board.to_dict()
    assert Board.from_dict(table).to_dict() == table
    half = board.at_strength(0.5)(loud(), RATE_HZ)
    np.testing.assert_allclose(half, (loud() + limited) / 2, rtol=0, atol=1e-6)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda plugin: pickle.loads(pickle.dumps(plugin))])
def test_a_copy_is_a_plugin_of_its_own(maxim: Vst3, limited: Audio, copied: Any) -> None:
    twin = copied(maxim)
    assert twin.guest.link().pid != maxim.guest.link().pid
    assert np.array_equal(twin(loud(), RATE_HZ), limited)
    twin.close()


def test_it_shows_how_to_write_it(zam_folder: Path) -> None:
    path = str(zam_folder / "ZamComp.vst3")
    assert repr(Vst3(path, ratio=20)) == f"Vst3({path!r}, strength=1.0, plugin_timeout_s=30.0, ratio=20.0)"


# Its process.


def test_one_process_serves_all_runs_and_ends_with_the_plugin(zam_folder: Path) -> None:
    plugin = Vst3(str(zam_folder / "ZamEQ2.vst3"))
    child = plugin.guest.link().pid
    for _ in range(3):
        plugin(loud(frames=100), RATE_HZ)
    assert plugin.guest.link().pid == child
    del plugin
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_after_close_it_starts_again_as_it_was_last_set(zam_folder: Path) -> None:
    plugin = Vst3(str(zam_folder / "ZaMaximX2.vst3"), threshold_db=-20)
    plugin.release_ms = 20
    before = plugin(loud(), RATE_HZ)
    plugin.close()
    assert np.array_equal(plugin(loud(), RATE_HZ), before)
    plugin.close()

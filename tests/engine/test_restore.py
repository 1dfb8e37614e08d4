"""One file through a board of test plugins: what is written, what is said, and what is left after a failure."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import Any, ClassVar

import numpy as np
import pytest
import soundfile
from doubles import Delay, FailAfter, MakesNan, Smooth, Swallows, ToPeak, Withholds
from hypothesis import given, settings
from hypothesis import strategies as st
from restorer_packages import rule_package
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.engine.board import Board
from rebounce.engine.errors import OutputError, PluginError
from rebounce.engine.history import Origin, remember
from rebounce.engine.job import Job, Options
from rebounce.engine.plugin import Plugin
from rebounce.engine.record import ERROR, RESTORED, SKIPPED, UNCHANGED, Record
from rebounce.engine.restore import attempt, restore_file
from rebounce.engine.stream import Kernel, Timing
from rebounce.engine.token_restore import TokenRestore

RATE = 44_100


class FromFrame(Plugin):
    """Turns down everything from one frame on, and leaves alone what comes before."""

    def __init__(self, first: int = 0) -> None:
        super().__init__()
        self._first = first

    def timing(self, sample_rate_hz: float) -> Timing:
        return Timing(block_frames=1, takes_many=True)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        seen = 0

        def turn_down(block: Audio) -> Audio:
            nonlocal seen
            gain = np.where(np.arange(seen, seen + block.shape[1]) < self._first, 1, 0.5).astype(np.float32)
            seen += block.shape[1]
            return block * gain

        return turn_down


def mix(folder: Path, frames: int = 100_000, name: str = "mix.wav", subtype: str = "PCM_24") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / name, noise(frames).T, RATE, subtype=subtype)
    return folder / name


def job_for(source: Path, out: Path, **more: Any) -> Job:
    fields = {"source": source, "target": out / source.name, "copy_target": out / source.name, "root": out}
    return Job(**(fields | more))


def left_in(folder: Path) -> list[str]:
    """What lies there, our notes apart."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and ".rebounce" not in path.parts)


def samples(path: Path) -> Any:
    return soundfile.read(path, dtype="int32", always_2d=True)[0]


@pytest.mark.parametrize("board", [Board(), Board([Delay(frames=777)]), Board([Withholds()])])
def test_a_chain_that_changes_no_sample_gives_the_file_back_byte_for_byte(tmp_path: Path, board: Board) -> None:
    source = mix(tmp_path / "in")
    source.write_bytes(source.read_bytes() + b"odd!\x02\0\0\0ab")  # a chunk that nobody knows
    record = restore_file(job_for(source, tmp_path / "out"), board)
    assert record.status == UNCHANGED
    assert (tmp_path / "out/mix.wav").read_bytes() == source.read_bytes()
    assert record.input_sha256 == sha256(source.read_bytes()).hexdigest()
    assert record.lufs_in == record.lufs_out is not None
    assert record.level_change_db == 0


@settings(max_examples=15, deadline=None)
@given(first=st.integers(0, 100_000), subtype=st.sampled_from(["PCM_16", "PCM_24", "FLOAT"]))
def test_samples_that_no_plugin_touched_are_the_inputs_own(
    tmp_path_factory: pytest.TempPathFactory, first: int, subtype: str
) -> None:
    folder = tmp_path_factory.mktemp("own")
    source = mix(folder / "in", subtype=subtype)
    restore_file(job_for(source, folder / "out"), Board([FromFrame(first)]))
    before, after = samples(source), samples(folder / "out/mix.wav")
    assert before.shape == after.shape
    assert np.array_equal(before[:first], after[:first])
    assert np.abs(after[first:] / 2**31 - before[first:] / 2**32).max(initial=0) <= (
        2**-14 if subtype == "PCM_16" else 2**-22
    )


@pytest.mark.parametrize(
    "plugins", [[ToPeak(level=0.3)], [Delay(frames=99), ToPeak(level=0.9), Smooth(), ToPeak(level=0.3)]]
)
def test_a_chain_that_must_see_the_whole_file_works_in_passes_and_leaves_no_spool(
    tmp_path: Path, plugins: list[Plugin]
) -> None:
    source = mix(tmp_path / "in", frames=200_000)
    fractions: list[float] = []
    record = restore_file(job_for(source, tmp_path / "new/out"), Board(plugins), fractions.append)
    assert record.status == RESTORED
    assert np.abs(samples(tmp_path / "new/out/mix.wav")).max() / 2**31 == pytest.approx(0.3, abs=1e-5)
    assert left_in(tmp_path / "new") == ["mix.wav"]
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] < fractions[-2] == fractions[-1] == 1.0
    assert record.frames == 200_000


@pytest.mark.parametrize("broken", [FailAfter(frames=90_000), MakesNan(), Swallows()])
@pytest.mark.parametrize("before", [[], [ToPeak(), Smooth(), ToPeak()]])
def test_a_plugin_that_fails_costs_the_file_and_leaves_nothing(
    tmp_path: Path, before: list[Plugin], broken: Plugin
) -> None:
    job = job_for(mix(tmp_path / "in"), tmp_path / "out")
    with pytest.raises(PluginError):
        restore_file(job, Board([*before, broken]))
    record = attempt(job, Board([*before, broken]), lambda fraction: None)
    assert (record.status, record.output) == (ERROR, None)
    assert str(record.error).startswith(f"{job.source}: {broken.name}: ")
    assert left_in(tmp_path / "out") == []
    assert restore_file(job, Board([*before])).status in (RESTORED, UNCHANGED)


class StereoAtMost(FromFrame):
    """Takes two channels and no more."""

    max_channels: ClassVar[int | None] = 2


def test_more_channels_than_the_chain_takes_fail_that_file_with_its_name(tmp_path: Path) -> None:
    board = Board([StereoAtMost()])
    soundfile.write(tmp_path / "six.wav", noise(1000, channels=6).T, RATE)
    six, two = (
        attempt(job_for(path, tmp_path / "out"), board, print) for path in (tmp_path / "six.wav", mix(tmp_path))
    )
    assert str(six.error).startswith(f"{tmp_path / 'six.wav'}: StereoAtMost: expected at most 2 channels, got 6; ")
    assert two.status == RESTORED
    assert left_in(tmp_path / "out") == ["mix.wav"]


class Breaks(Plugin):
    """Fails as our own faults do, and not as plugins should."""

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        raise KeyError("a fault of ours")


def test_a_fault_of_ours_is_told_as_one_and_the_batch_goes_on(tmp_path: Path) -> None:
    record = attempt(job_for(mix(tmp_path / "in"), tmp_path / "out"), Board([Breaks()]), lambda fraction: None)
    assert record.status == ERROR
    assert "unexpected KeyError" in str(record.error)
    assert "please report it" in str(record.error)


def test_what_was_done_is_skipped_until_input_chain_or_result_change(tmp_path: Path) -> None:
    source, out = mix(tmp_path / "in"), tmp_path / "out"
    job = job_for(source, out, preset_hash="one")
    board = Board([FromFrame()])
    assert [restore_file(job, board).status for _ in range(3)] == [RESTORED, SKIPPED, SKIPPED]
    with pytest.raises(OutputError, match="--force"):
        restore_file(replace(job, preset_hash="two"), board)
    assert restore_file(replace(job, preset_hash="two", is_forced=True), board).status == RESTORED
    mix(tmp_path / "in", frames=50_000)
    with pytest.raises(OutputError, match="--force"):
        restore_file(replace(job, preset_hash="two"), board)


def test_a_model_that_changed_while_the_batch_ran_makes_no_result(tmp_path: Path) -> None:
    """Its result would be noted, and skipped ever after, as that of the model that the batch began with."""
    source, out = mix(tmp_path, frames=10_000), tmp_path / "out"
    planned = rule_package(tmp_path / "model", wrong=[]).id
    rmtree(tmp_path / "model")
    board = Board([TokenRestore(model=str(rule_package(tmp_path / "model", wrong=range(16)).folder))])
    record = attempt(job_for(source, out, model=planned), board, lambda fraction: None)
    assert (record.status, record.model, record.output) == (ERROR, planned, None)
    assert f"mix.wav: expected the model {planned}, found {board.model_id()} in its place" in str(record.error)
    assert not out.exists()
    assert attempt(job_for(source, out, model=board.model_id()), board, lambda fraction: None).status == RESTORED


def test_a_run_that_was_killed_before_its_result_got_its_name_does_not_stand_in_the_way(tmp_path: Path) -> None:
    source, out = mix(tmp_path / "in"), tmp_path / "out"
    job = job_for(source, out, preset_hash="one")
    origin = Origin(input_sha256=sha256(source.read_bytes()).hexdigest(), preset_hash="one", version=restore_version())
    remember(out, job.target, origin, "0" * 64)
    (out / ".mix.wav.rebounce.part").write_bytes(b"half")
    assert restore_file(job, Board([FromFrame()])).status == RESTORED
    assert left_in(out) == ["mix.wav"]
    assert restore_file(job, Board([FromFrame()])).status == SKIPPED


def restore_version() -> str:
    from rebounce import __version__

    return __version__


def test_what_is_asked_for_one_file_alone_needs_no_notes(tmp_path: Path) -> None:
    source = mix(tmp_path / "in")
    board = Board([FromFrame()])
    record: Record = board.restore_file(source, tmp_path / "out.wav")
    assert record.status == RESTORED
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.wav"]
    with pytest.raises(OutputError, match="--force"):
        board.restore_file(source, tmp_path / "out.wav")
    assert board.restore_file(source, tmp_path / "out.wav", force=True).status == RESTORED


def test_messages_of_file_chain_and_clipping_are_all_in_the_record(tmp_path: Path) -> None:
    class Doubles(FromFrame):
        def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
            return lambda block: block * np.float32(8)

        def notes(self) -> list[str]:
            return ["eight times as loud"]

    source = mix(tmp_path / "in", subtype="PCM_16")
    data = bytearray(source.read_bytes())
    data[40:44] = b"\xff\xff\xff\xff"
    source.write_bytes(data)
    record = restore_file(job_for(source, tmp_path / "out"), Board([Doubles()]))
    assert len(record.messages) >= 3
    assert any("would have clipped" in message for message in record.messages)
    assert "Doubles: eight times as loud" in record.messages


def test_meters_may_be_left_out(tmp_path: Path) -> None:
    job = job_for(mix(tmp_path / "in"), tmp_path / "out", options=Options(has_meters=False))
    record = restore_file(job, Board([FromFrame()]))
    assert (record.lufs_in, record.lufs_out, record.true_peak_out_dbtp, record.status) == (None, None, None, RESTORED)

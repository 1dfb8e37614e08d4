import errno
import os
from pathlib import Path

import pytest

from rebounce.engine.errors import (
    ChainError,
    DiskFull,
    OutputError,
    PluginError,
    StillWritten,
    UnreadableFile,
    UnsupportedAudio,
)
from rebounce.engine.reading import reading_errors
from rebounce.engine.staging import output_errors
from rebounce.watchers.failure_kinds import FIRST_WAIT_S, MOST_WAIT_S, Kind, judge, wait_s


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "Mix.wav"
    path.touch()
    return path


def system_error(code: int) -> OSError:
    return OSError(code, os.strerror(code), "/x")


def as_read(path: Path, code: int) -> Exception:
    """The error as the engine tells of it."""
    with pytest.raises(UnreadableFile) as caught, reading_errors(path):
        raise system_error(code)
    return caught.value


def as_written(path: Path, code: int) -> Exception:
    with pytest.raises(OutputError) as caught, output_errors(path):
        raise system_error(code)
    return caught.value


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.EBUSY, errno.ENOTCONN, errno.EHOSTDOWN, errno.EROFS])
def test_what_a_share_or_a_lock_does_may_pass_however_it_is_told(source: Path, code: int) -> None:
    for problem in (system_error(code), as_read(source, code), as_written(source, code)):
        assert judge(problem, source).kind is Kind.PASSING


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_waited_for_however_it_is_told(source: Path, code: int) -> None:
    for problem in (system_error(code), as_read(source, code), as_written(source, code), DiskFull("full")):
        assert judge(problem, source).kind is Kind.FULL


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENAMETOOLONG, errno.EISDIR, errno.EINVAL])
def test_what_the_system_will_refuse_again_is_final(source: Path, code: int) -> None:
    for problem in (system_error(code), as_read(source, code), as_written(source, code)):
        assert judge(problem, source).kind is Kind.FINAL


def test_a_file_that_is_gone_is_no_failure_of_it_but_one_that_is_there_is(source: Path) -> None:
    for problem in (system_error(errno.ENOENT), as_read(source, errno.ENOENT)):
        assert judge(problem, source).kind is Kind.FINAL
        assert judge(problem, source.with_name("gone.wav")).kind is Kind.GONE


def test_a_file_that_is_still_written_was_not_finished(source: Path) -> None:
    assert judge(StillWritten("it grows"), source).kind is Kind.WRITTEN


@pytest.mark.parametrize(
    "problem",
    [
        MemoryError(),
        RuntimeError("CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        RuntimeError("Failed to allocate memory for requested buffer of size 17"),
        PluginError("onnxruntime: CUBLAS_STATUS_ALLOC_FAILED"),
    ],
)
def test_memory_that_is_used_up_may_be_there_again(source: Path, problem: Exception) -> None:
    assert judge(problem, source).kind is Kind.PASSING


@pytest.mark.parametrize("problem", [ChainError("no plugin"), UnreadableFile("no audio"), ValueError("?"), KeyError(3)])
def test_anything_else_would_fail_again(source: Path, problem: Exception) -> None:
    assert judge(problem, source).kind is Kind.FINAL


def test_the_cause_of_the_cause_counts(source: Path) -> None:
    half_way, problem = ValueError("half way"), ChainError("at the end")
    half_way.__cause__ = system_error(errno.EIO)
    problem.__cause__ = half_way
    assert judge(problem, source).kind is Kind.PASSING


def test_a_file_that_another_program_keeps_for_itself_on_windows_may_be_free_again(source: Path) -> None:
    problem = PermissionError(errno.EACCES, "used by another process")
    assert judge(problem, source).kind is Kind.FINAL
    problem.winerror = 32  # type: ignore[attr-defined]
    assert judge(problem, source).kind is Kind.PASSING


def test_a_sentence_is_told_without_the_path_that_it_begins_with(source: Path) -> None:
    assert judge(UnreadableFile(f"{source}: it is empty"), source).sentence == "it is empty"
    assert judge(ChainError("half.toml: no such plugin"), source).sentence == "half.toml: no such plugin"
    assert judge(MemoryError(), source).sentence.startswith("the memory is used up")
    assert judge(KeyError("x"), source).sentence == "unexpected KeyError: 'x'; please report it"


def test_the_name_of_a_staged_file_is_not_in_a_sentence(source: Path) -> None:
    staged = Path("/b/Restored/.Mix.wav~0123abcd.rebounce.part")
    sentence = judge(as_written(staged, errno.EACCES), source).sentence
    assert sentence.startswith("/b/Restored/Mix.wav: the result cannot be written")
    assert "~" not in sentence


def test_each_wait_is_longer_than_the_one_before_and_none_is_endless() -> None:
    waits = [wait_s(tries) for tries in range(12)]
    assert waits[0] == FIRST_WAIT_S
    assert waits == sorted(waits)
    assert waits[-1] == MOST_WAIT_S
    assert wait_s(10**6) == MOST_WAIT_S


def test_what_a_file_is_called_says_nothing_of_memory(source: Path) -> None:
    damaged = source.with_name("Out of memory.wav")
    assert judge(UnsupportedAudio(f"{damaged}: its samples end early"), damaged).kind is Kind.FINAL
    assert judge(RuntimeError("CUDA_ERROR_OUT_OF_MEMORY"), damaged).kind is Kind.PASSING


def test_numbers_before_the_name_of_a_part_stay_whole(source: Path) -> None:
    said = "35.3 MB needed and 1.5 MB free, and .Mix 1.2.wav~0123abcd.rebounce.part was not written"
    expected = "35.3 MB needed and 1.5 MB free, and Mix 1.2.wav was not written"
    assert judge(DiskFull(said), source).sentence == expected

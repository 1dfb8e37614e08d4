"""Spools: what went in comes back, and nothing of them is ever seen."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from signals import cut, noise

from rebounce.engine.errors import OutputError
from rebounce.engine.file_spool import SPOOL_BLOCK_FRAMES, FileSpool, Spools, spool_bytes


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frames=st.sampled_from([0, 1, 8192, SPOOL_BLOCK_FRAMES, SPOOL_BLOCK_FRAMES + 1]),
    channels=st.integers(1, 3),
    sizes=st.lists(st.integers(1, 70_000), min_size=1, max_size=3),
)
def test_what_went_in_comes_back_on_one_grid(tmp_path: Path, frames: int, channels: int, sizes: list[int]) -> None:
    audio = noise(frames, channels)
    spool = FileSpool(tmp_path / "x.wav", channels)
    for block in cut(audio, sizes):
        spool.write(block)
    for _ in range(2):
        blocks = list(spool)
        assert [block.shape[1] for block in blocks[:-1]] == [SPOOL_BLOCK_FRAMES] * (len(blocks) - 1)
        assert np.array_equal(np.concatenate([noise(0, channels), *blocks], axis=1), audio)
        assert all(block.flags.c_contiguous and block.dtype == np.float32 for block in blocks)
    spool.discard()
    spool.discard()


def test_two_walks_at_a_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    audio = noise(3 * SPOOL_BLOCK_FRAMES)
    spool = FileSpool(tmp_path / "x.wav", 2)
    spool.write(audio)
    pairs = list(zip(spool, spool, strict=True))
    assert len(pairs) == 3
    assert all(np.array_equal(one, two) for one, two in pairs)
    spool.discard()


def test_a_spool_has_no_name_so_that_nothing_stays_and_nobody_else_meets_it(tmp_path: Path) -> None:
    target = tmp_path / "new/folder" / ("n" * 250 + ".wav")
    with Spools(target, 2) as spools, Spools(target, 2) as others:
        mine, theirs = spools.new_spool(), others.new_spool()
        mine.write(noise(100, seed=1))
        theirs.write(noise(100, seed=2))
        assert np.array_equal(next(iter(mine)), noise(100, seed=1))
        assert list(target.parent.iterdir()) == []
    with pytest.raises(ValueError, match="closed"):
        next(iter(mine))


def test_a_folder_that_cannot_be_is_an_error_that_names_the_result(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"x\.wav: the result cannot be written .*choose another"):
        FileSpool(tmp_path / "file/x.wav", 2)


def test_two_spools_at_most_are_there_at_a_time() -> None:
    assert spool_bytes(frames=10, channels=2) == 2 * 10 * 2 * 4

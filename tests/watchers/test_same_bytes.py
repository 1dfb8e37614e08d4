"""Equal means equal in every byte."""

from pathlib import Path

import pytest

from rebounce.watchers.same_bytes import PIECE_BYTES, has_same_bytes

LONG = bytes(range(256)) * (PIECE_BYTES // 256 + 3)


@pytest.mark.parametrize("content", [b"", b"a", LONG], ids=["empty", "short", "longer than a piece"])
def test_a_copy_is_equal(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(content)
    (tmp_path / "other").write_bytes(content)
    assert has_same_bytes(tmp_path / "one", tmp_path / "other")


@pytest.mark.parametrize("other", [LONG[:-1], LONG + b"\0", LONG[:-1] + b"\0", b"\1" + LONG[1:], b""])
def test_any_difference_counts(other: bytes, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(LONG)
    (tmp_path / "other").write_bytes(other)
    assert not has_same_bytes(tmp_path / "one", tmp_path / "other")


def test_what_is_no_file_is_equal_to_none(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"")
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    for other in (tmp_path, tmp_path / "dead", tmp_path / "missing"):
        assert not has_same_bytes(tmp_path / "one", other)
        assert not has_same_bytes(other, tmp_path / "one")

import os
import stat
import sys
from pathlib import Path

import pytest

from rebounce.watchers.web.token_file import NAME, kept_token, made_token


def test_a_token_is_made_once_and_kept(tmp_path: Path) -> None:
    first = kept_token(tmp_path / "state")
    assert len(first) >= 32
    assert kept_token(tmp_path / "state") == first
    assert kept_token(tmp_path / "other") != first
    assert [path.name for path in (tmp_path / "state").iterdir()] == [NAME]


@pytest.mark.skipif(sys.platform == "win32", reason="modes")
def test_it_is_its_user_s_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        kept_token(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="modes")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604])
def test_one_that_others_may_have_read_or_written_is_replaced(tmp_path: Path, mode: int) -> None:
    first = kept_token(tmp_path)
    (tmp_path / NAME).chmod(mode)
    second = kept_token(tmp_path)
    assert second != first
    assert kept_token(tmp_path) == second
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"short", b"with a space in it", b"\xff" * 32])
def test_what_is_no_token_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    (tmp_path / NAME).chmod(0o600)
    made = kept_token(tmp_path)
    assert len(made) >= 32
    assert kept_token(tmp_path) == made


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(made_token())
    elsewhere.chmod(0o600)
    (tmp_path / NAME).symlink_to(elsewhere)
    assert kept_token(tmp_path) != elsewhere.read_text()
    assert not (tmp_path / NAME).is_symlink()


def test_where_nothing_can_be_kept_there_is_one_for_this_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert len(kept_token(tmp_path / "file")) >= 32
    assert kept_token(tmp_path / "file") != kept_token(tmp_path / "file")

"""Only one run works in a folder, and the lock leaves nothing behind."""

from pathlib import Path

import pytest

from rebounce.engine.errors import OutputError
from rebounce.engine.folder_lock import alone_in


def test_a_second_run_is_refused_and_told_what_the_first_does(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    expected = "another rebounce trains into this folder right now; wait for it"
    with alone_in(tmp_path, lock, "trains into this folder"):
        with pytest.raises(OutputError, match=expected), alone_in(tmp_path, lock, "trains into this folder"):
            pass
        assert not lock.exists()
    with alone_in(tmp_path, lock, "trains into this folder"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_lock_stays(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text("mine")
    with pytest.raises(OutputError), alone_in(tmp_path, lock, "works", replaces=False):
        pass
    with alone_in(tmp_path, lock, "works"):
        pass
    assert lock.read_text() == "mine"

from pathlib import Path

import pytest

from rebounce.watchers.setting_checks import WebAddress
from rebounce.watchers.web.door import Door
from rebounce.watchers.web.token_file import kept_token

EVERYWHERE = WebAddress(host="0.0.0.0")


def test_where_only_this_machine_comes_there_is_no_token() -> None:
    assert Door(address=WebAddress()).key() is None


@pytest.mark.parametrize(
    "door", [Door(address=EVERYWHERE), Door(address=WebAddress(), hosts=("rebounce.example.org",))]
)
def test_where_others_come_there_is_one_that_nobody_knows(door: Door) -> None:
    first = door.key()
    assert first is not None
    assert door.key() != first


def test_one_that_is_made_is_kept_for_the_next_start(tmp_path: Path) -> None:
    assert Door(address=EVERYWHERE, state_folder=tmp_path).key() == kept_token(tmp_path)
    assert Door(address=EVERYWHERE, state_folder=tmp_path).key() == kept_token(tmp_path)


def test_one_that_is_set_wins_and_is_not_written_down(tmp_path: Path) -> None:
    door = Door(address=EVERYWHERE, token="a-token-of-some-length", state_folder=tmp_path)
    assert door.key() == "a-token-of-some-length"
    assert not list(tmp_path.iterdir())
    assert "a-token" not in repr(door)

import os
from pathlib import Path

import pytest

from rebounce.watchers import config_reload
from rebounce.watchers.config_reload import ConfigFile


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config that may be looked at as often as one likes."""
    monkeypatch.setattr(config_reload, "LOOK_S", 0.0)
    path = tmp_path / "rebounce.toml"
    path.write_text("a", encoding="utf-8")
    return path


def test_a_change_is_told_once(path: Path) -> None:
    config = ConfigFile(path)
    assert not config.has_changed()
    path.write_text("ab", encoding="utf-8")
    assert config.has_changed()
    assert not config.has_changed()


def test_a_file_of_the_same_size_and_another_time_is_another(path: Path) -> None:
    config = ConfigFile(path)
    os.utime(path, ns=(1, 1))
    assert config.has_changed()


def test_a_file_put_in_its_place_is_another_though_size_and_time_are_the_same(path: Path) -> None:
    os.utime(path, ns=(1, 1))
    config = ConfigFile(path)
    other = path.with_suffix(".new")
    other.write_text("b", encoding="utf-8")
    os.utime(other, ns=(1, 1))
    other.replace(path)
    assert config.has_changed()


def test_a_file_that_is_gone_for_a_moment_is_no_change(path: Path) -> None:
    config = ConfigFile(path)
    away = path.with_suffix(".away")
    path.rename(away)
    assert not config.has_changed()
    away.rename(path)
    assert not config.has_changed()
    path.unlink()
    assert not config.has_changed()
    path.write_text("abc", encoding="utf-8")
    assert config.has_changed()


def test_it_is_not_looked_at_all_the_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_reload, "LOOK_S", 3600.0)
    config = ConfigFile(path)
    path.write_text("ab", encoding="utf-8")
    assert not config.has_changed()

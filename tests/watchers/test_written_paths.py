"""Paths as they are written: made whole from a folder that is given, and looked up."""

import re
from pathlib import Path
from typing import Any

import pytest

from rebounce.watchers.settings import WatchFolder
from rebounce.watchers.written_paths import RESOLVED, command, model, plugins, preset, watched_folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.toml").write_text("")
    return tmp_path


@pytest.mark.parametrize("written", ["five-stage", "a b", "folder", ".hidden"])
def test_a_name_stays_a_name_even_where_a_folder_is_called_so(base: Path, written: str) -> None:
    assert preset(written, base) == model(written, base) == written
    assert command((written, "x"), base) == (written, "x")


def test_what_holds_a_separator_is_made_whole(base: Path) -> None:
    assert watched_folder("folder", base) == watched_folder(str(base / "folder"), Path("/")) == base / "folder"
    assert preset("./file.toml", base) == preset("file.toml", base) == str(base / "file.toml")
    assert model("./folder", base) == str(base / "folder")
    assert plugins(("folder", "file.toml"), base) == (str(base / "folder"), str(base / "file.toml"))
    assert command(("folder/../file.toml", "./x"), base) == (str(base / "file.toml"), "./x")
    assert command((), base) == ()


@pytest.mark.parametrize(
    ("resolve", "written", "message"),
    [
        (watched_folder, "none", "expected path = a folder that is there, found nothing"),
        (watched_folder, "file.toml", "expected path = a folder that is there, found a file at"),
        (watched_folder, "", "expected path = text in quotes, found ''"),
        (watched_folder, "a\0b", "expected path = a folder that is there, found nothing"),
        (preset, "NONE.TOML", "expected preset = a preset's name or a chain file that is there, found no file"),
        (preset, "./folder", "expected preset = a preset's name or a chain file that is there, found no file"),
        (model, "./file.toml", "expected model = a model's name or its folder, found no folder"),
        (plugins, ("folder", "none"), "expected allow_plugins = VST3 bundles that are there, found none at"),
        (command, ("./none",), "expected a program = a program that is there, found no file"),
    ],
)
def test_what_is_not_there_is_refused_with_where_it_was_looked_for(
    base: Path, resolve: Any, written: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        resolve(written, base)
    assert str(base) in str(raised.value) or not written


def test_only_settings_have_their_paths_made_whole() -> None:
    assert set(RESOLVED) <= set(WatchFolder.__dataclass_fields__)

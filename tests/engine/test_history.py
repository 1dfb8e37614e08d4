"""Notes about results: our own are known again, everything else is not."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from rebounce.engine.errors import OutputError
from rebounce.engine.history import NOTES_FOLDER, Origin, is_noted, is_result_of, remember, sha256_of

ORIGIN = Origin(input_sha256="1" * 64, preset_hash="2" * 64, version="0.1.0")
NAMES = ["mix.wav", "a/b/mix.wav", "n" * 251 + ".wav", "Überschrift ☾.wav", os.fsdecode(b"caf\xe9.wav")]


def result(root: Path, name: str = "mix.wav") -> Path:
    target = root / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"audio")
    remember(root, target, ORIGIN, sha256_of(target))
    return target


@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_known_again_whatever_its_name(tmp_path: Path, name: str) -> None:
    target = result(tmp_path, name)
    assert is_result_of(tmp_path, target, ORIGIN)
    assert is_noted(tmp_path, target)
    assert not is_result_of(tmp_path, target.with_name("other.wav"), ORIGIN)
    assert list(tmp_path.rglob("*.part")) == []


@pytest.mark.parametrize("field", ["input_sha256", "preset_hash", "version"])
def test_another_input_preset_or_version_makes_another_result(tmp_path: Path, field: str) -> None:
    target = result(tmp_path)
    assert not is_result_of(tmp_path, target, replace(ORIGIN, **{field: "other"}))


def test_a_result_that_was_touched_or_removed_is_no_longer_ours(tmp_path: Path) -> None:
    target = result(tmp_path)
    target.write_bytes(b"audia")
    assert not is_result_of(tmp_path, target, ORIGIN)
    target.unlink()
    assert not is_result_of(tmp_path, target, ORIGIN)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', "null", "\x00"])
def test_a_note_that_is_none_makes_the_file_somebody_elses(tmp_path: Path, text: str) -> None:
    target = result(tmp_path)
    (note,) = (tmp_path / NOTES_FOLDER).rglob("*.json")
    note.write_text(text)
    assert not is_result_of(tmp_path, target, ORIGIN)


def test_the_same_root_by_another_path_and_a_linked_folder_within_are_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path / "elsewhere")
    result(tmp_path / "root", "link/mix.wav")
    monkeypatch.chdir(tmp_path)
    assert is_result_of(Path("root"), Path("root/link/mix.wav"), ORIGIN)


def test_a_note_that_cannot_be_written_is_an_error_that_names_the_result(tmp_path: Path) -> None:
    (tmp_path / NOTES_FOLDER).touch()
    with pytest.raises(OutputError, match=r"mix\.wav: the result cannot be written"):
        result(tmp_path)

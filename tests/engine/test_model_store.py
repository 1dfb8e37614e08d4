"""A model is found by its name, bundled before one's own, or by its folder; else what there is is told."""

import sys
from pathlib import Path

import pytest
from small_packages import MODEL, small_package

from rebounce.engine import model_store
from rebounce.engine.errors import ModelError
from rebounce.engine.model_package import load_package
from rebounce.engine.model_store import bundled_models, find_model, models_folder, own_models

pytestmark = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="moves the user's folder as Linux does")


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where bundled packages lie, empty, beside a user's folder that is not there yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(model_store, "bundled_folder", lambda: tmp_path / "bundled")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "bundled"


def test_every_bundled_package_is_sound() -> None:
    assert [find_model(name).folder.name for name in bundled_models()] == bundled_models()


def test_without_any_package_nothing_is_listed_and_the_next_step_is_told(bundled: Path) -> None:
    assert (bundled_models(), own_models()) == ([], [])
    with pytest.raises(ModelError) as caught:
        find_model("light")
    told = str(caught.value)
    assert told.startswith(
        "'light': expected the name of a model or the folder of one, found neither (bundled: none; in "
    )
    assert f"in {models_folder()}: none" in told
    assert "rebounce models pull" in told


def test_a_bundled_package_goes_before_ones_own_of_the_same_name(bundled: Path) -> None:
    theirs = small_package(bundled / "light", name="theirs")
    small_package(models_folder() / "light", name="mine")
    mine = small_package(models_folder() / "warm")
    assert find_model("light") == theirs
    assert find_model("warm") == mine
    assert (bundled_models(), own_models()) == (["light"], ["warm"])


def test_a_folder_is_a_path_that_looks_like_one_or_a_name_that_no_model_has(bundled: Path) -> None:
    theirs = small_package(bundled / "light")
    for name in ("light", "mine"):
        small_package(Path(name))
    assert find_model("light") == theirs
    for path in ("./light", str(Path("light").absolute()), "../elsewhere/light"):
        assert find_model(path).folder.resolve() == Path("light").resolve()
    assert find_model(Path("light")).folder == Path("light")
    assert find_model("mine").folder == Path("mine")


def test_a_path_that_is_not_there_may_still_be_a_name(bundled: Path) -> None:
    theirs = small_package(bundled / "light")
    assert find_model(Path("light")) == theirs


def test_a_name_that_is_nearly_one_is_told(bundled: Path) -> None:
    small_package(bundled / "light")
    small_package(models_folder() / "warm")
    with pytest.raises(ModelError, match=r"bundled: light; in .*: warm\); did you mean 'light'\?"):
        find_model("Ligth")
    with pytest.raises(ModelError, match=r"did you mean 'warm'\?"):
        find_model("models/warn")


@pytest.mark.parametrize("name", ["", "../data/rebounce/models", "nul\x00", "x" * 5000, "C:light", ".hidden"])
def test_no_name_leads_out_of_the_folders(bundled: Path, name: str) -> None:
    small_package(models_folder() / ".hidden")
    with pytest.raises(ModelError):
        find_model(name)


def test_what_is_being_pulled_is_no_model(bundled: Path) -> None:
    small_package(models_folder() / ".warm.rebounce.part")
    assert own_models() == []


def test_an_archive_is_told_apart_from_a_folder(bundled: Path, tmp_path: Path) -> None:
    (tmp_path / "warm.zip").write_bytes(b"PK")
    with pytest.raises(ModelError, match=r"that is a file: rebounce models pull .*warm.zip unpacks an archive"):
        find_model(tmp_path / "warm.zip")


def test_what_is_found_was_checked_whole(bundled: Path) -> None:
    package = small_package(bundled / "light")
    assert load_package(package.folder) == package
    (package.folder / MODEL).write_bytes(b"changed")
    with pytest.raises(ModelError, match=f"light: {MODEL}: expected SHA-256"):
        find_model("light")

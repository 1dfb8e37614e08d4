"""What `--model` and `--device` set, and what they refuse before anything is read."""

from pathlib import Path

import pytest
from doubles import Delay
from restorer_packages import rule_package
from tiny_packages import tiny_codec_package

from rebounce import Board, TokenRestore
from rebounce.engine.errors import DeviceError, ModelError, UsageError
from rebounce.engine.model_choice import ModelChoice, asked_for, model_plugins, presets_with_model, ready_models


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return rule_package(tmp_path / "rule", wrong=[]).folder


def chain() -> Board:
    return Board([TokenRestore(model="a"), Board([Delay(), TokenRestore(model="b", device="cpu")])])


def test_every_plugin_that_runs_a_model_gets_it_those_of_nested_boards_too(folder: Path) -> None:
    board = chain()
    asked_for(str(folder), "cpu").apply_to(board)
    assert [(plugin.model, plugin.device) for plugin in model_plugins(board)] == [(str(folder), "cpu")] * 2


def test_what_was_not_asked_for_stays_as_the_chain_says() -> None:
    board = chain()
    asked_for(None, "auto").apply_to(board)
    assert [(plugin.model, plugin.device) for plugin in model_plugins(board)] == [("a", "auto"), ("b", "cpu")]


def test_a_folder_is_kept_whole_so_that_it_means_the_same_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    assert asked_for("rule", "auto").model == str(folder)


def test_a_name_means_the_package_of_that_name_whatever_folder_has_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "light").mkdir()
    monkeypatch.chdir(tmp_path)
    assert asked_for("light", "auto").model == "light"
    assert asked_for("./light", "auto").model == str(tmp_path / "light")


def test_a_model_that_no_chain_runs_is_refused_with_a_preset_that_would(folder: Path) -> None:
    choice = asked_for(str(folder), "auto")
    with pytest.raises(UsageError, match=r"rule@\w+ is sound, but no plugin of the chain \(bypass\).*token-restore"):
        choice.check([Board([]), Board([Delay()])], ["bypass"])
    choice.check([Board([]), chain()], ["bypass", "mine"])
    ModelChoice().check([Board([])], ["bypass"])


def test_a_name_that_no_package_has_is_a_wrong_argument() -> None:
    with pytest.raises(UsageError, match=r"--model lihgt: .*expected the name of a model"):
        asked_for("lihgt", "auto")


def test_a_gpu_that_is_not_there_is_refused_whatever_the_chain() -> None:
    with pytest.raises(DeviceError, match="--device cuda:9"):
        asked_for(None, "cuda:9")


def test_models_are_looked_up_before_anything_is_read(folder: Path, tmp_path: Path) -> None:
    assert ready_models(Board([TokenRestore(model=str(folder), device="cpu")])) is None
    assert ready_models(Board([TokenRestore(model="no such", strength=0.0)])) is None
    with pytest.raises(ModelError, match="no such"):
        ready_models(Board([TokenRestore(model="no such")]))
    codec = tiny_codec_package(tmp_path / "codec").folder
    with pytest.raises(ModelError, match="expected 'token-restorer'"):
        ready_models(Board([TokenRestore(model=str(codec))]))
    with pytest.raises(DeviceError, match="--device cuda:9"):
        ready_models(Board([TokenRestore(model=str(folder), device="cuda:9")]))


def test_the_presets_that_run_a_model_are_known() -> None:
    assert presets_with_model() == ["token-restore"]

"""A folder holds bundles of one kind: whoever asks for another is told the difference."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from bundle_making import write_bundles

from rebounce.engine.errors import UsageError
from rebounce.presets.recipe_file import FaultEntry, Recipe
from rebounce.training.exercise import Exercise
from rebounce.training.prepare_settings import (
    FILE_NAME,
    Settings,
    check_folder,
    curriculum_hash,
    read_settings,
    write_settings,
)

SETTINGS = Settings(
    curriculum="token-unet",
    curriculum_sha256="cd" * 32,
    codec_id="encodec-48khz-24kbps@abababababab",
    weights_sha256="ab" * 32,
    features=("mel",),
    seconds=30.0,
    seed=3,
)


def test_settings_come_back_as_they_were(tmp_path: Path) -> None:
    write_settings(tmp_path / "new", SETTINGS)
    assert read_settings(tmp_path / "new" / FILE_NAME) == SETTINGS
    assert [path.name for path in (tmp_path / "new").iterdir()] == [FILE_NAME]


def test_the_first_settings_of_a_folder_stay(tmp_path: Path) -> None:
    write_settings(tmp_path, SETTINGS)
    write_settings(tmp_path, replace(SETTINGS, seed=4))
    assert read_settings(tmp_path / FILE_NAME) == SETTINGS


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"seed": 4}, r"\(seed 3, now 4\)"),
        ({"seconds": 12.5}, r"\(seconds 30, now 12\.5\)"),
        ({"features": ()}, r"\(features mel, now none\)"),
        ({"curriculum_sha256": "ef" * 32}, r"\(content of the curriculum cdcdcdcdcdcd, now efefefefefef\)"),
        ({"weights_sha256": "00" * 32, "seed": 0}, r"\(codec weights abababababab, now 000000000000; seed 3, now 0\)"),
    ],
)
def test_other_settings_are_refused_with_the_difference_and_the_next_step(
    tmp_path: Path, other: dict[str, object], said: str
) -> None:
    write_settings(tmp_path, SETTINGS)
    check_folder(tmp_path, SETTINGS)
    with pytest.raises(UsageError, match=said) as caught:
        check_folder(tmp_path, replace(SETTINGS, **other))  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"{tmp_path / FILE_NAME}: ")
    assert "name another folder with -o, or ask for the same" in str(caught.value)


def test_a_new_folder_and_one_of_other_things_are_fine(tmp_path: Path) -> None:
    check_folder(tmp_path / "none", SETTINGS)
    (tmp_path / "notes.txt").write_text("mine")
    check_folder(tmp_path, SETTINGS)


def test_bundles_without_settings_are_refused(tmp_path: Path) -> None:
    write_bundles(tmp_path, 1)
    with pytest.raises(UsageError, match=r"0-0\.safetensors for one\), but no prepare\.json"):
        check_folder(tmp_path, SETTINGS)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"seed": 3', json.dumps({"version": 1, "features": 7})])
def test_a_settings_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(UsageError, match=r"prepare\.json: expected the settings"):
        check_folder(tmp_path, SETTINGS)


def exercise(**changed: object) -> Exercise:
    entry = FaultEntry(fault="gain", ranges={"gain_db": [-3, 3]})
    recipe = Recipe(name="mine", description="words", entries=(entry,), count=(1, 1))
    made = Exercise(name="mine/1", recipe=recipe, count=(1, 1), is_stronger=False)
    return replace(made, **changed)  # type: ignore[arg-type]


def test_the_hash_is_of_what_items_are_drawn_from_and_of_no_words() -> None:
    plain = curriculum_hash({"1": exercise()})
    described = replace(exercise().recipe, description="other words")
    assert curriculum_hash({"1": exercise(recipe=described)}) == plain
    louder = replace(exercise().recipe, entries=(FaultEntry(fault="gain", ranges={"gain_db": [-6, 6]}),))
    others = [exercise(recipe=louder), exercise(count=(0, 1)), exercise(is_stronger=True), exercise(name="mine/2")]
    assert len({plain, *(curriculum_hash({"1": other}) for other in others)}) == 5
    assert curriculum_hash({"1": exercise(), "2": exercise()}) != plain

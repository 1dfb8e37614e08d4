"""Recipes and curricula by name and by file, checked against the faults there are."""

from pathlib import Path

import pytest
import soundfile
from signals import noise

from rebounce.engine.errors import RecipeError
from rebounce.training.exercise import draw_item, exercise_of_recipe, exercise_of_stage
from rebounce.training.recipes import bundled_curricula, bundled_recipes, load_curriculum, load_recipe

GAIN = '[[fault]]\nfault = "gain"\ngain_db = [-3, 3]\n'


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_the_promised_recipes_and_curriculum_are_there() -> None:
    assert {"readme", "realistic", "mp3"} <= set(bundled_recipes())
    assert "token-unet" in bundled_curricula()


@pytest.mark.parametrize("name", bundled_recipes())
def test_every_bundled_recipe_describes_itself_and_can_be_drawn_from(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert len(recipe.description) > 20
    exercises = [exercise_of_recipe(recipe, is_stronger) for is_stronger in {False, recipe.has_stronger}]
    drawn = {exercise.name: [draw_item("ab", exercise, seed) for seed in range(200)] for exercise in exercises}
    for items in drawn.values():
        assert {applied.fault for item in items for applied in item.damage} == {entry.fault for entry in recipe.entries}


@pytest.mark.parametrize("name", bundled_curricula())
def test_every_bundled_curriculum_describes_itself_and_every_stage_can_be_drawn_from(name: str) -> None:
    curriculum = load_curriculum(name)
    assert (curriculum.name, len(curriculum.description) > 20) == (name, True)
    for stage in curriculum.stages:
        draw_item("ab", exercise_of_stage(curriculum, stage.name), 1)


def test_token_unet_has_the_eight_steps_of_its_text() -> None:
    stages = load_curriculum("token-unet").stages
    told = [(stage.name, stage.count, stage.is_stronger) for stage in stages]
    assert told == [
        ("0", (0, 0), False),
        ("1", (1, 1), False),
        ("1-stronger", (1, 1), True),
        ("2", (2, 2), False),
        ("3", (3, 3), False),
        ("3-stronger", (3, 3), True),
        ("4", (1, 5), False),
        ("4-stronger", (1, 5), True),
    ]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"gain"', '"gian"', r"line 2: expected the name of a fault, found 'gian'; did you mean 'gain'"),
        ("gain_db", "gain", r"line 3: gain: unknown range 'gain'; it has gain_db"),
        ("[-3, 3]", "[-3, 300]", r"line 3: gain: gain_db: expected -60 to 60, found \[-3, 300\]"),
        ("[-3, 3]", "[3, -3]", r"line 3: gain: gain_db: expected \[low, high\] with low first"),
        ("[-3, 3]", '"loud"', r"line 3: gain: gain_db: expected a number or \[low, high\], found 'loud'"),
    ],
)
def test_an_impossible_recipe_is_an_error_with_its_file_and_line(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    path = write(tmp_path / "mine.toml", GAIN.replace(before, after))
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe(path)
    assert str(path) in str(caught.value)


def test_a_name_that_is_nearly_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"one of mp3, readme, realistic, .*did you mean 'realistic'"):
        load_recipe("realistik")
    with pytest.raises(RecipeError, match=r"nowhere\.toml: expected a recipe file in TOML"):
        load_recipe(tmp_path / "nowhere.toml")
    with pytest.raises(RecipeError, match="did you mean 'token-unet'"):
        load_curriculum("token_unet")


def test_the_recipe_of_a_curriculum_file_lies_beside_it(tmp_path: Path) -> None:
    write(tmp_path / "mine.toml", GAIN)
    path = write(tmp_path / "steps.toml", 'recipe = "mine.toml"\n[[stage]]\nname = "only"\ncount = 1\n')
    exercise = exercise_of_stage(load_curriculum(path), "only")
    assert exercise.name == "steps/only"
    assert [applied.fault for applied in draw_item("ab", exercise, 1).damage] == ["gain"]


def test_what_is_wrong_with_a_curriculum_or_its_recipe_is_said_with_the_line(tmp_path: Path) -> None:
    write(tmp_path / "mine.toml", GAIN.replace("3]", "300]"))
    path = write(tmp_path / "steps.toml", 'recipe = "mine.toml"\n[[stage]]\nname = "only"\ncount = 1\n')
    with pytest.raises(RecipeError, match=r"steps\.toml, line 1: .*mine\.toml, line 3: gain: gain_db: expected -60"):
        load_curriculum(path)
    path = write(tmp_path / "steps.toml", '\nrecipe = "mp3"\n[[stage]]\nname = "two"\ncount = 2\n')
    with pytest.raises(RecipeError, match=r"steps\.toml, line 5: count = 2, but the recipe has 1 fault"):
        load_curriculum(path)


def test_a_plugin_from_elsewhere_is_refused_until_it_is_allowed(tmp_path: Path) -> None:
    bundle = tmp_path / "Evil.vst3"
    path = write(tmp_path / "mine.toml", f'[[fault]]\nfault = "vst3"\npath = "{bundle}"\n')
    with pytest.raises(RecipeError, match=r"recipe mine may load plugins from .*--allow-plugin .*Evil\.vst3"):
        load_recipe(path)
    with pytest.raises(RecipeError, match=r"mine\.toml: .*Evil\.vst3: expected a VST3 bundle, found nothing there"):
        load_recipe(path, allow_plugins=[bundle])


def test_what_a_recipe_says_of_files_is_seen_from_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own/ir").mkdir(parents=True)
    soundfile.write(tmp_path / "own/ir/hall.wav", noise(1000).T, 44_100)
    text = '[[fault]]\nfault = "reverb"\nkind = "recorded"\nfolder = "ir"\n'
    write(tmp_path / "own/mine.toml", text)
    write(tmp_path / "own/steps.toml", 'recipe = "mine.toml"\n[[stage]]\nname = "1"\ncount = 1\n')
    monkeypatch.chdir(tmp_path)
    exercises = [
        exercise_of_recipe(load_recipe(Path("own/mine.toml"))),
        exercise_of_stage(load_curriculum("own/steps.toml"), "1"),
    ]
    for exercise in exercises:
        (applied,) = draw_item("ab", exercise, 0).damage
        assert (applied.parameters["folder"], applied.parameters["file"]) == (str(tmp_path / "own/ir"), "hall.wav")


@pytest.mark.parametrize("table", ["[[fault]]", "[fault.stronger]"])
def test_what_only_some_choices_need_is_found_before_any_track_and_named_with_the_file(
    tmp_path: Path, table: str
) -> None:
    text = '[[fault]]\nfault = "reverb"\n[fault.stronger]\n'
    ranges = 'kind = ["synthetic", "plate", "decay", "recorded"]\nfolder = "none"\n'
    path = write(tmp_path / "mine.toml", text.replace(f"{table}\n", f"{table}\n{ranges}"))
    with pytest.raises(RecipeError, match=r"mine\.toml: reverb: expected folder = a folder of impulse responses"):
        load_recipe(path)


@pytest.mark.parametrize("given", ["", Path("")])
def test_no_name_is_no_recipe(given: str | Path) -> None:
    with pytest.raises(RecipeError, match="expected a recipe"):
        load_recipe(given)
    with pytest.raises(RecipeError, match="expected a curriculum"):
        load_curriculum(given)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("relase_ms = [20, 60]", r"mine\.toml: ZaMaximX2: .*found 'relase_ms'; did you mean 'release_ms'"),
        ("release_ms = [20, 300]", r"mine\.toml: ZaMaximX2: release_ms = 300, expected a number from 1 to 100"),
        ("release_ms = [0.1, 50]", r"mine\.toml: ZaMaximX2: release_ms = 0\.1, expected a number from 1 to 100"),
        ("release_ms = [20, 30, 300]", r"release_ms = 300, expected a number from 1 to 100"),
        ("release_ms = nan", r"mine\.toml, line 4: vst3: parameters\.release_ms: expected numbers"),
    ],
)
def test_a_range_that_a_plugin_would_refuse_is_found_before_any_track(
    tmp_path: Path, zam_folder: Path, parameters: str, message: str
) -> None:
    text = f'[[fault]]\nfault = "vst3"\npath = "{zam_folder}/ZaMaximX2.vst3"\nparameters = {{ {parameters} }}\n'
    with pytest.raises(RecipeError, match=message):
        load_recipe(write(tmp_path / "mine.toml", text), allow_plugins=[zam_folder])

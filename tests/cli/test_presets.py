"""`rebounce presets`: what there is, what it holds, and what is wrong with a chain file, recipe or curriculum."""

import json
import os
import subprocess
import sys
from pathlib import Path

from commands import GAIN, chain, rebounce, rebounce_many
from restorer_packages import rule_package
from tiny_packages import tiny_codec_package

BUNDLED = ["auto", "bypass", "five-stage", "token-restore"]
RECIPES = {"mp3": "1 fault", "readme": "5 faults", "realistic": "8 faults"}
CURRICULA = {"realistic-steps": "2 stages", "token-unet": "8 stages"}


def test_the_bundled_presets_are_listed_each_with_what_it_does() -> None:
    listed, as_json = rebounce_many([["presets", "list"], ["presets", "list", "--json"]])
    assert (listed.code, as_json.code) == (0, 0)
    entries = [json.loads(line) for line in as_json.out.splitlines()]
    assert [entry["name"] for entry in entries][: len(BUNDLED)] == BUNDLED
    for entry in entries:
        assert entry["description"].endswith(".")
        assert entry["description"] in listed.out


def test_recipes_and_curricula_are_listed_by_the_option_that_takes_them() -> None:
    listed, as_json = rebounce_many([["presets", "list"], ["presets", "list", "--json"]])
    entries = [json.loads(line) for line in as_json.out.splitlines()]
    kinds = {kind: [entry["name"] for entry in entries if entry["kind"] == kind] for kind in ("recipe", "curriculum")}
    assert kinds == {"recipe": list(RECIPES), "curriculum": list(CURRICULA)}
    recipes, curricula = listed.out.split("for `rebounce degrade --recipe`:\n")[1].split(
        "\nfor `rebounce degrade --curriculum`:\n"
    )
    assert [line.split()[0] for line in recipes.splitlines()] == list(RECIPES)
    assert [line.split()[0] for line in curricula.splitlines()] == list(CURRICULA)


def test_a_recipe_or_curriculum_that_is_shown_can_be_saved_and_checked(tmp_path: Path) -> None:
    known = RECIPES | CURRICULA
    shown = rebounce_many([["presets", "show", name] for name in known])
    saved = [chain(tmp_path / f"my-{name}.toml", page.out) for name, page in zip(known, shown, strict=True)]
    (checked,) = rebounce_many([["presets", "check", *saved, *known]])
    assert (checked.code, checked.err) == (0, "")
    holds = list(known.values())
    expected = [f"{given}: fine, {held}" for given, held in zip([*saved, *known], holds + holds, strict=True)]
    assert checked.out.splitlines() == expected


def test_a_check_knows_what_kind_of_file_is_meant_and_names_the_line(tmp_path: Path) -> None:
    faults = {
        '[[fault]]\nfault = "gian"': "line 2: expected the name of a fault, found 'gian'; did you mean 'gain'?",
        'count = 2\n[[fault]]\nfault = "gain"': "line 1: count = 2, but the recipe has 1 fault",
        'clean_share = 2\n[[fault]]\nfault = "eq"': "line 1: expected clean_share = a number from 0 to 1, found 2",
        '[[fault]]\nfault = "vst3"': "vst3: expected path = where a VST3 bundle is",
        '[[fault]]\nfault = "vst3"\npath = "/nowhere/x.vst3"': "--allow-plugin /nowhere/x.vst3",
        'recipe = "readmi"\n[[stage]]\nname = "1"\ncount = 1': "line 1: expected a recipe, one of",
        'recipe = "readme"\n[[stage]]\nname = "1"\ncount = 6': "line 4: count = 6, but the recipe has 5 faults",
    }
    files = [chain(tmp_path / f"{number}.toml", text) for number, text in enumerate(faults)]
    (checked,) = rebounce_many([["presets", "check", *files]])
    assert (checked.code, checked.out) == (1, "")
    for said, path, expected in zip(checked.err.splitlines(), files, faults.values(), strict=True):
        assert str(path) in said
        assert expected in said


def test_what_is_shown_can_be_saved_and_checked(tmp_path: Path) -> None:
    names = BUNDLED[:3]
    shown = rebounce_many([["presets", "show", name] for name in names])
    saved = [chain(tmp_path / f"{name}.toml", page.out) for name, page in zip(names, shown, strict=True)]
    (checked,) = rebounce_many([["presets", "check", *saved, "five-stage"]])
    assert checked.code == 0
    assert checked.out.splitlines() == [
        f"{saved[0]}: fine, 1 plugin",
        f"{saved[1]}: fine, 0 plugins",
        f"{saved[2]}: fine, 5 plugins",
        "five-stage: fine, 5 plugins",
    ]


def test_a_check_names_line_nearest_name_and_range_of_each_fault_and_goes_on(tmp_path: Path) -> None:
    faults = {
        'plugin = "Gian"': "line 2: expected the name of a plugin, found 'Gian'; did you mean 'Gain'?",
        'plugin = "Gain"\ngain = 3': "line 3: Gain: expected one of, found 'gain'; did you mean 'gain_db'?",
        'plugin = "Denoise"\nstrength = 1.5': "line 3: Denoise: strength = 1.5, expected a number from 0 to 1",
        'plugin = "Gain"\ngain_db = "3"': "line 3: Gain: gain_db = '3', expected a number",
        "plugin = 7": "line 2: expected plugin = a name in quotes, found 7",
        'plugin = "/nowhere/x.vst3"': "--allow-plugin /nowhere/x.vst3",
    }
    files = [chain(tmp_path / f"{number}.toml", f"[[chain]]\n{text}\n") for number, text in enumerate(faults)]
    fine = chain(tmp_path / "fine.toml", GAIN.format(gain_db=1))
    (checked,) = rebounce_many([["presets", "check", *files, fine]])
    assert checked.code == 1
    assert checked.out == f"{fine}: fine, 1 plugin\n"
    for said, path, expected in zip(checked.err.splitlines(), files, faults.values(), strict=True):
        assert str(path) in said
        assert all(part in said for part in expected.split(", ")), (expected, said)


def test_a_chain_is_checked_with_its_models(tmp_path: Path) -> None:
    restorer, codec = rule_package(tmp_path / "restorer", wrong=[]), tiny_codec_package(tmp_path / "codec")
    shown = rebounce("presets", "show", "token-restore").out
    chains = [
        chain(tmp_path / f"{number}.toml", shown, f'model = "{model}"\n')
        for number, model in enumerate((restorer.folder, codec.folder, tmp_path / "nowhere"))
    ]
    checked = rebounce("presets", "check", *chains)
    assert (checked.code, checked.out) == (1, f"{chains[0]}: fine, 1 plugin\n")
    no_restorer, nowhere = checked.err.splitlines()
    assert str(chains[1]) in no_restorer
    assert "expected 'token-restorer'" in no_restorer
    assert str(chains[2]) in nowhere
    assert "expected the name of a model or the folder of one" in nowhere


def test_a_bundle_that_does_not_load_is_found_before_any_file(tmp_path: Path) -> None:
    bundle = tmp_path / "Broken.vst3"
    bundle.write_bytes(b"not a plugin")
    preset = chain(tmp_path / "c.toml", f'[[chain]]\nplugin = "{bundle}"\n')
    checked = rebounce("presets", "check", preset, "--allow-plugin", bundle)
    assert (checked.code, checked.out) == (1, "")
    assert str(bundle) in checked.err


def test_a_name_that_no_preset_has_is_wrong_usage() -> None:
    for done in rebounce_many([["presets", "show", "six-stage"], ["presets", "shwo", "auto"]]):
        assert (done.code, done.out) == (2, "")
    (shown,) = rebounce_many([["presets", "show", "six-stage"]])
    assert "auto, bypass, five-stage" in shown.err


def test_a_users_own_preset_is_listed_shown_and_used_by_its_name(tmp_path: Path) -> None:
    own = tmp_path / "config/rebounce/presets"
    own.mkdir(parents=True)
    chain(own / "mine.toml", 'description = "My own."', GAIN.format(gain_db=1))
    env = os.environ | {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    said = [
        subprocess.run(
            [sys.executable, "-m", "rebounce", "presets", *words], capture_output=True, text=True, env=env, check=True
        ).stdout
        for words in (["list"], ["show", "mine"], ["check", "mine"])
    ]
    assert "mine         My own." in said[0]
    assert said[1] == (own / "mine.toml").read_text()
    assert said[2] == "mine: fine, 1 plugin\n"

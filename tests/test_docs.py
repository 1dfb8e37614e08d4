"""What README and docs show is true: code runs, chains load, commands and links exist."""

import configparser
import plistlib
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bundle_making import write_bundles

from rebounce.engine.doctor import PLATFORMS
from rebounce.engine.preset import check_entry
from rebounce.presets.chain_file import parse_chain
from rebounce.presets.curriculum_file import parse_curriculum
from rebounce.presets.recipe_file import parse_recipe
from rebounce.training.recipes import check_fault, load_recipe
from rebounce.watchers.watch_file import FOLDER_KEYS, PLAN_KEYS, read_watch_file

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(language: str) -> list[pytest.param]:  # type: ignore[valid-type]
    """Every block of a language, with the page and its place on it as the test's name."""
    found = []
    for page in PAGES:
        texts = [text for kind, text in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language]
        found += [pytest.param(text, id=f"{page.name}-{number}") for number, text in enumerate(texts, 1)]
    return found


@pytest.mark.parametrize("code", blocks("python"))
def test_code_in_the_docs_runs(code: str, tmp_path: Path) -> None:
    if '"bundles"' in code:  # what rebounce prepare would have left there
        for stage in ("0", "1"):
            write_bundles(tmp_path / "bundles", 4, stage)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("text", blocks("toml"))
def test_chains_recipes_curricula_and_watch_files_in_the_docs_are_valid(text: str, tmp_path: Path) -> None:
    if "[[folder]]" in text:
        for name in re.findall(r'^path = "(\w+)"$', text, re.MULTILINE):
            (tmp_path / name).mkdir()
        (tmp_path / "rebounce.toml").write_text(text, encoding="utf-8")
        assert read_watch_file(tmp_path / "rebounce.toml").folders
    elif "[[fault]]" in text:
        assert parse_recipe(text, "docs", check_fault).entries
    elif "[[stage]]" in text:
        assert parse_curriculum(text, "docs", load_recipe).stages
    else:
        assert parse_chain(text, "docs", check_entry).tables


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nothing_was_left_to_be_filled_in(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.strip()
    assert "{{" not in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


def test_commands_in_the_docs_exist() -> None:
    from rebounce.cli import COMMANDS

    code = "\n".join(text for page in PAGES for text in _code(page))
    told = set(re.findall(r"(?<!from )\brebounce ([a-z]+)\b", code))
    assert {"restore", "presets"} <= told <= set(COMMANDS)


def test_the_reference_names_every_plugin_and_parameter() -> None:
    from rebounce.engine.registry import OURS, plugin_specs

    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    for name in OURS:
        section = text.split(f"### {name}\n")[1].split("\n### ")[0]
        missing = [parameter for parameter in plugin_specs(name) or {} if f"`{parameter}`" not in section]
        assert missing == []


def test_make_targets_in_the_docs_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    told = {word for page in PAGES for word in re.findall(r"\bmake ([a-z]+)\b", "\n".join(_code(page)))}
    assert told <= targets


def _code(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return [block for _, block in FENCE.findall(text)] + re.findall(r"`([^`\n]+)`", text)


def test_the_readme_says_where_it_has_run() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for platform in PLATFORMS:
        row = f"| {platform.name} | {'run' if platform.was_run else 'not run'} |"
        assert row in text


def test_the_service_files_can_be_read() -> None:
    folder = ROOT / "docs" / "services"
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((folder / "rebounce.service").read_text(encoding="utf-8"))
    agent = plistlib.loads((folder / "rebounce.watch.plist").read_bytes())
    task = ElementTree.fromstring((folder / "rebounce-task.xml").read_bytes())
    commands = [
        unit["Service"]["ExecStart"].split()[1:],
        agent["ProgramArguments"][1:],
        task.findtext(".//{*}Arguments", "").split(),
    ]
    assert [command[:2] for command in commands] == [["watch", "--config"]] * 3


def test_the_watch_page_names_every_setting() -> None:
    text = (ROOT / "docs" / "watch.md").read_text(encoding="utf-8")
    missing = [key for key in (*PLAN_KEYS, *FOLDER_KEYS) if f"`{key}`" not in text]
    assert missing == []

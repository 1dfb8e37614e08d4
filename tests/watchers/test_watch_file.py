"""Watch files: everything in them arrives, every mistake is named with its line, and what is typed wins."""

import os
import re
import textwrap
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rebounce.engine.errors import UsageError
from rebounce.watchers import watch_file
from rebounce.watchers.schedule import parse_schedule
from rebounce.watchers.setting_checks import WebAddress
from rebounce.watchers.settings import NAMES, WatchFolder, WatchPlan
from rebounce.watchers.watch_file import (
    FOLDER_KEYS,
    OF_A_FOLDER,
    OF_A_PLAN,
    PLAN_KEYS,
    WatchFileError,
    overriding,
    plan_for,
    read_watch_file,
)

GOOD = """jobs = 2
web = true

[defaults]
settle_s = 5
preset = "mine.toml"

[[folder]]
path = "Bounces"

[[folder]]
path = "Stems"
preset = "five-stage"
format = "flac"
[folder.names]
done = "Originals"
"""
TEXTS = st.text(st.characters(categories=["L", "N"], max_codepoint=1000), min_size=1, max_size=8)
PATTERNS = st.lists(TEXTS.map(lambda text: f"*{text}*"), max_size=3, unique=True)
SWITCHES = st.sampled_from(["auto", True, False])
COMMANDS = st.lists(TEXTS, max_size=3)
SECONDS = st.floats(0.1, 3600)
# Values of each key of a folder, as they are written.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "preset": st.sampled_from(["auto", "five-stage", "bypass"]), "strength": st.floats(0, 100), "model": TEXTS,
    "device": st.sampled_from(["auto", "cpu", "cuda", "cuda:3"]), "match": PATTERNS, "ignore": PATTERNS,
    "originals": st.sampled_from(["move", "keep"]), "settle_s": st.floats(0, 120),
    "give_up_s": st.floats(120, 3600),
    "poll": SWITCHES, "poll_s": SECONDS, "rescan_s": SECONDS, "share": SWITCHES,
    "format": st.sampled_from(["keep", "wav"]), "bit_depth": st.sampled_from(["keep", "16", "24", "32f"]),
    "sample_rate": st.one_of(st.just("keep"), st.integers(8000, 192_000)),
    "clip_mode": st.sampled_from(["rescale", "keep", "clamp", "limit"]), "keep_mtime": st.booleans(),
    "save_chain": st.booleans(), "schedule": st.sampled_from(["always", "22:00-06:00", "sat 00:00-24:00"]),
    "keep_done_days": st.one_of(st.just("forever"), st.floats(0, 1000)), "spare_mb": st.floats(0, 1e6),
    "retries": st.integers(0, 1000), "on_done": COMMANDS, "on_failed": COMMANDS,
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with two to watch, a chain file, a model, a plugin and a program."""
    for name in ("Bounces", "Stems", "models/mine", "plugins/My.vst3"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("mine.toml", "tell.sh"):
        (tmp_path / name).write_text("")
    return tmp_path


def written(place: Path, text: str) -> Path:
    path = place / "rebounce.toml"
    path.write_text(text, encoding="utf-8")
    return path


def read(place: Path, text: str) -> WatchPlan:
    return read_watch_file(written(place, text))


def test_a_plan_says_what_its_file_says(place: Path) -> None:
    config = place / "rebounce.toml"
    assert read(place, GOOD) == WatchPlan(
        processes=2,
        web=WebAddress(),
        config=config,
        folders=(
            WatchFolder(
                path=place / "Bounces", preset=str(place / "mine.toml"), settle_s=5.0, config=config, line=8
            ),
            WatchFolder(
                path=place / "Stems",
                preset="five-stage",
                settle_s=5.0,
                file_format="flac",
                done="Originals",
                config=config,
                line=11,
            ),
        ),
    )  # fmt: skip


def test_the_file_is_found_and_its_paths_start_at_it_whatever_the_working_folder(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = read(place, GOOD)
    monkeypatch.chdir(place.parent)
    assert read_watch_file(Path(place.name) / "rebounce.toml") == plan


def test_the_example_in_the_docs_of_the_reader_holds_every_key_and_can_be_read(place: Path) -> None:
    text = textwrap.dedent((watch_file.__doc__ or "").partition("\n\n")[2].partition("\n\nCommands")[0])
    plan = read(place, text.replace('"..."', '"0123456789abcdef"'))
    for key in (*FOLDER_KEYS, *PLAN_KEYS, *NAMES):
        assert re.search(rf"^(\s*{key} = |\s*\[folder\.{key}\])", text, re.MULTILINE), key
    # But for what can only be shown by an example the values in it are the usual ones.
    usual, shown = WatchFolder(path=place / "Bounces"), plan.folders[0]
    assert {item.name for item in fields(usual) if getattr(usual, item.name) != getattr(shown, item.name)} == {
        *("preset", "model", "match", "ignore", "allow_plugins", "schedule", "on_done", "on_failed"),
        *("config", "line", "preset_line"),
    }
    assert (plan.processes, plan.web_token) == (2, "0123456789abcdef")
    assert plan.web_hosts == ("rebounce.example.org",)
    assert (plan.log_mb, plan.keep_logs, plan.ledger_days) == (5.0, 5, 365.0)


def test_every_setting_has_a_key() -> None:
    renamed = {key: name for key, (name, _) in (OF_A_FOLDER | OF_A_PLAN).items()}
    of_folders = (
        {renamed.get(key, key) for key in FOLDER_KEYS} - {"names"} | set(NAMES) | {"config", "line", "preset_line"}
    )
    assert of_folders == {item.name for item in fields(WatchFolder)}
    of_plans = {renamed.get(key, key) for key in PLAN_KEYS} | {"folders", "config"}
    assert of_plans == {item.name for item in fields(WatchPlan)}
    assert set(VALUES) == set(FOLDER_KEYS) - {"path", "names", "allow_plugins"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_written_arrives_wherever_it_is_written(place: Path, data: st.DataObject) -> None:
    item = data.draw(st.fixed_dictionaries({}, optional=VALUES))
    own = data.draw(st.sets(st.sampled_from(sorted(item)))) if item else set()
    defaults = {key: value for key, value in item.items() if key not in own}
    folder = {"path": "Bounces"} | {key: item[key] for key in own}
    plan = read(place, tomli_w.dumps({"defaults": defaults, "folder": [folder]}))
    renamed = {OF_A_FOLDER[key][0] if key in OF_A_FOLDER else key: value for key, value in item.items()}
    assert replace(plan.folders[0], config=None, line=0) == WatchFolder(path=place / "Bounces", **renamed)


def test_a_folder_may_take_back_what_the_defaults_say(place: Path) -> None:
    text = """
        [defaults]
        schedule = "22:00-06:00"
        keep_done_days = 3
        on_done = ["tell"]
        poll = true
        [defaults.names]
        done = "Originals"
        errors = "Failed"
        [[folder]]
        path = "Bounces"
        [[folder]]
        path = "Stems"
        schedule = "always"
        keep_done_days = "forever"
        on_done = []
        poll = "auto"
        names.done = "Done"
    """
    first, second = read(place, text).folders
    assert (first.schedule, first.keep_done_days, first.on_done, first.poll) == (
        *(parse_schedule("22:00-06:00"), 3.0, ("tell",), True),
    )
    assert (second.schedule, second.keep_done_days, second.on_done, second.poll) == (None, None, (), None)
    assert (first.done, first.errors, second.done, second.errors) == ("Originals", "Failed", "Done", "Failed")


def test_paths_are_made_whole_and_names_stay_names(place: Path) -> None:
    text = """
        [[folder]]
        path = "./Stems/../Bounces"
        preset = "mine.toml"
        model = "models/mine"
        allow_plugins = ["plugins/My.vst3"]
        on_done = ["./tell.sh", "./tell.sh"]
        on_failed = "tell.sh models/mine"
        [[folder]]
        path = "Stems"
        preset = "mine"
        model = "mine"
    """
    first, second = read(place, text).folders
    assert (first.path, first.preset) == (place / "Bounces", str(place / "mine.toml"))
    assert (first.model, first.allow_plugins) == (str(place / "models/mine"), (str(place / "plugins/My.vst3"),))
    assert (first.on_done, first.on_failed) == ((str(place / "tell.sh"), "./tell.sh"), ("tell.sh", "models/mine"))
    assert (second.preset, second.model) == ("mine", "mine")


def test_a_path_may_start_at_the_home_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("USERPROFILE", str(place))
    folder = read(place, '[[folder]]\npath = "~/Bounces"\npreset = "~/mine.toml"').folders[0]
    assert (folder.path, folder.preset) == (place / "Bounces", str(place / "mine.toml"))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("jobs =", "job =", "line 1: unknown key 'job'; did you mean 'jobs'?"),
        ("jobs = 2", "colour = 2", "line 1: unknown key 'colour'; a watch file has jobs, web, web_token, web_hosts,"),
        ("jobs = 2", "processes = 2", "line 1: unknown key 'processes'; a watch file has jobs"),
        ("jobs = 2", "jobs = 0", "line 1: expected jobs = a whole number from 1 to 256, found 0"),
        ("web = true", 'web = "8787"', "line 2: expected web = true, false, or an address as in"),
        ("web = true", 'web_token = "short"', "line 2: expected web_token = a secret of 16 letters, digits and signs"),
        ("web = true", "log_mb = -1", "line 2: expected log_mb = a number from 0.001 to 1e+09, found -1"),
        ("[defaults]", "[[defaults]]", "line 4: expected [defaults] as a table, found defaults = [{'settle_s': 5"),
        ("settle_s = 5", 'path = "x"', "line 5: path is no default; give each [[folder]] its own"),
        ("settle_s = 5", "settle = 5", "line 5: unknown key 'settle'; did you mean 'settle_s'?"),
        ("settle_s = 5", "settle_s = true", "line 5: expected settle_s = a number from 0 to 3600, found True"),
        ("settle_s = 5", "settle_s = 121", "line 5: expected give_up_s of at least settle_s = 121, found 120; rais"),
        ("settle_s = 5", 'bit_depth = "32f"', "line 14: expected bit_depth = one that format = 'flac' can hold"),
        ("mine.toml", "gone.toml", "line 6: expected preset = a preset's name or a chain file that is there, found no"),
        ('"Bounces"', '"Gone"', "line 9: expected path = a folder that is there, found nothing, or nothing that may"),
        ('"Bounces"', '"mine.toml"', "line 9: expected path = a folder that is there, found a file at"),
        ('"Bounces"', "3", "line 9: expected path = text in quotes, found 3; write the folder to watch"),
        ('path = "Bounces"', "", "line 8: expected path = text in quotes, found None; write the folder to watch"),
        ('"Bounces"', '"Stems"', "line 11: expected folders that lie apart, found"),
        ('"Stems"', '"Bounces/../Bounces"', "line 11: expected folders that lie apart, found"),
        ('"Stems"', '"."', "line 11: expected folders that lie apart, found"),
        ('"five-stage"', '"./five-stage"', "line 13: expected preset = a preset's name or a chain file that is there"),
        ('preset = "five-stage"', 'model = "./none"', "line 13: expected model = a model's name or its folder, found"),
        ('preset = "five-stage"', 'allow_plugins = ["no.vst3"]', "line 13: expected allow_plugins = VST3 bundles that"),
        ('preset = "five-stage"', 'on_done = "./none {input}"', "line 13: expected a program = a program that is"),
        ('preset = "five-stage"', 'on_failed = ["x", "{eror}"]', "line 13: expected on_failed = arguments with {in"),
        ('preset = "five-stage"', "file_format = 1", "line 13: unknown key 'file_format'; did you mean 'format'?"),
        ('preset = "five-stage"', 'done = "x"', "line 13: unknown key 'done'; did you mean 'on_done'?"),
        ('preset = "five-stage"', 'share = "no"', "line 13: expected share = \"auto\", true or false, found 'no'"),
        ('preset = "five-stage"', 'sample_rate = "44k"', 'line 13: expected sample_rate = "keep", or a whole number'),
        ('preset = "five-stage"', 'schedule = "night"', "line 13: expected schedule = hours as in"),
        ('preset = "five-stage"', 'bit_depth = "32f"', "line 13: expected bit_depth = one that format = 'flac' can"),
        ('"flac"', '"aiff"', "line 14: expected format = one of 'keep', 'wav', 'flac', 'mp3', 'ogg', found 'aiff'"),
        ('"flac"', '"mp3"\nsample_rate = 96000', "line 15: expected sample_rate = one that MP3 has, found 96000"),
        ("[folder.names]\ndone", "names = 3 #", "line 15: expected [names] as a table, found names = 3"),
        ("done =", "dome =", "line 16: unknown key 'dome'; did you mean 'done'?"),
        ('"Originals"', '"a/b"', "line 16: expected done = a name that can name a folder too, found 'a/b'"),
        ('"Originals"', '"errors"', "line 16: expected errors = a name of its own, found 'Errors' for done too; give"),
        ('"Originals"', '"restored"', "line 16: expected done = a name of its own, found 'restored' for restored too"),
        ('"Originals"', '"Originals', ": not valid TOML: Illegal character '\\n' (at line 16"),
        (GOOD[GOOD.index("[[folder]]") :], "", "line 1: expected [[folder]] tables, at least one, found folder = []"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_file_and_line(place: Path, before: str, after: str, message: str) -> None:
    assert before in GOOD
    path = written(place, GOOD.replace(before, after, 1))
    with pytest.raises(WatchFileError) as raised:
        read_watch_file(path)
    separator = "" if message.startswith(":") else ", "
    assert str(raised.value).startswith(f"{path}{separator}{message}")
    assert isinstance(raised.value, UsageError)


def test_overlapping_folders_are_named_with_both_their_lines(place: Path) -> None:
    path = written(place, GOOD.replace('"Stems"', '"."'))
    with pytest.raises(WatchFileError, match=re.escape(f"holds {place / 'Bounces'} ({path}, line 8); its files would")):
        read_watch_file(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(WatchFileError, match=r"none\.toml: expected a watch file in TOML, but it cannot be read: No "):
        read_watch_file(tmp_path / "none.toml")
    (tmp_path / "audio.toml").write_bytes(b"RIFF\xff\xff")
    with pytest.raises(WatchFileError, match="it is not text in UTF-8"):
        read_watch_file(tmp_path / "audio.toml")


def test_the_token_of_a_file_arrives_and_is_not_shown_when_it_is_wrong(place: Path) -> None:
    with_token = 'web_token = "{}"\n[[folder]]\npath = "Bounces"'.format
    assert read(place, with_token("0123456789abcdef")).web_token == "0123456789abcdef"
    with pytest.raises(WatchFileError, match=r", found another$"):
        read(place, with_token("hunter2"))


def test_folders_that_are_typed_are_watched_as_usual(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    plan = plan_for([Path("Bounces"), place / "Stems"])
    assert plan == WatchPlan(folders=(WatchFolder(path=place / "Bounces"), WatchFolder(path=place / "Stems")))


def test_what_is_typed_counts_for_every_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    folders = [Path("Bounces"), Path("Stems")]
    plan = plan_for(folders, preset="mine.toml", settle_s=200, poll=True, processes=3, web="[::1]:80")
    assert (plan.processes, plan.web) == (3, WebAddress(host="::1", port=80))
    for folder in plan.folders:
        assert (folder.preset, folder.poll) == (str(place / "mine.toml"), True)
        # Nothing on the command line could make both fit.
        assert (folder.settle_s, folder.give_up_s) == (200.0, 200.0)


def test_what_is_typed_wins_over_the_file_and_the_rest_of_it_stays(place: Path) -> None:
    plan = read(place, GOOD)
    assert overriding(plan) == plan
    assert overriding(plan, preset=None, settle_s=None, poll=None, processes=None, web=None) == plan
    first, second = plan.folders
    assert overriding(plan, preset="bypass", settle_s=1, web=False) == replace(
        plan,
        web=None,
        folders=(replace(first, preset="bypass", settle_s=1.0), replace(second, preset="bypass", settle_s=1.0)),
    )


@pytest.mark.parametrize(
    ("folders", "typed", "message"),
    [
        ([], {}, "watch: expected at least one folder, or --config FILE, found none; name the folder to watch"),
        (["Gone"], {}, "watch: expected path = a folder that is there, found nothing, or nothing that may be looked"),
        (["mine.toml"], {}, "watch: expected path = a folder that is there, found a file at"),
        (["Bounces", "./Bounces"], {}, "expected folders that lie apart, found"),
        (["Bounces"], {"preset": "none.toml"}, "watch: expected preset = a preset's name or a chain file that is"),
        (["Bounces"], {"settle_s": 9999}, "expected settle_s = a number from 0 to 3600, found 9999"),
        (["Bounces"], {"settle_s": float("nan")}, "expected settle_s = a number from 0 to 3600, found nan"),
        (["Bounces"], {"processes": 0}, "watch: expected processes = a whole number from 1 to 256, found 0"),
        (["Bounces"], {"web": "nowhere"}, "watch: expected web = true, false, or an address as in"),
    ],
)
def test_what_cannot_be_typed_is_a_usage_error(
    place: Path, monkeypatch: pytest.MonkeyPatch, folders: list[str], typed: Any, message: str
) -> None:
    monkeypatch.chdir(place)
    with pytest.raises(UsageError, match=re.escape(message)):
        plan_for([Path(folder) for folder in folders], **typed)


@pytest.mark.skipif(os.name == "nt", reason="backslashes are separators there")
def test_a_backslash_is_no_separator_where_it_may_be_part_of_a_name(place: Path) -> None:
    assert read(place, '[[folder]]\npath = "Bounces"\npreset = "a\\\\b"').folders[0].preset == "a\\b"

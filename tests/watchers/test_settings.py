"""Settings of the watch folder: what is let through however it was made, name patterns, and folders that lie apart."""

import os
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from rebounce.watchers.setting_checks import WebAddress
from rebounce.watchers.settings import SettingError, WatchFolder, WatchPlan

HERE = Path(os.path.abspath("Bounces"))


def test_a_folder_is_what_it_is_usually() -> None:
    folder = WatchFolder(path=HERE)
    assert {item.name: getattr(folder, item.name) for item in fields(folder)} == {
        "path": HERE, "preset": "auto", "strength": 100.0, "model": None, "device": "auto", "match": (), "ignore": (),
        "originals": "move", "restored": "Restored", "done": "Done", "errors": "Errors", "settle_s": 3.0,
        "give_up_s": 120.0, "poll": None, "poll_s": 5.0, "rescan_s": 60.0, "is_share": None, "file_format": "keep",
        "bit_depth": "keep", "sample_rate_hz": None, "clip_mode": "rescale", "keep_mtime": False, "saves_chain": False,
        "allow_plugins": (), "schedule": None, "keep_done_days": None, "spare_mb": 200.0, "retries": 5, "on_done": (),
        "on_failed": (), "config": None, "line": 0, "preset_line": 0,
    }  # fmt: skip


def test_a_plan_is_what_it_is_usually() -> None:
    plan = WatchPlan(folders=(WatchFolder(path=HERE),))
    assert (plan.processes, plan.web, plan.web_token, plan.web_hosts, plan.config) == (1, None, None, (), None)
    assert (plan.log_mb, plan.keep_logs, plan.ledger_days) == (5.0, 5, 365.0)


@pytest.mark.parametrize(
    ("match", "ignore", "wanted", "unwanted"),
    [
        ((), (), ["a.wav", "x/y/b.flac"], []),
        (("*.wav",), (), ["a.wav", "A.WAV", "x/y/a.wav"], ["a.flac", "x/a.wave"]),
        (("Album/*",), (), ["Album/a.wav", "album/x/a.wav"], ["a.wav", "Other/Album/a.wav"]),
        (("mix ?.wav",), (), ["mix 1.wav", "x/Mix 2.wav"], ["mix 10.wav"]),
        (("mix [A-C].*",), (), ["mix a.wav", "mix C.aif"], ["mix d.wav"]),
        (("*.wav", "*.flac"), (), ["a.wav", "a.flac"], ["a.mp3"]),
        ((), ("*draft*",), ["a.wav"], ["Draft 1.wav", "drafts/a.wav"]),
        (("*.wav",), ("old/*",), ["a.wav", "older/a.wav"], ["old/a.wav", "a.flac"]),
        # macOS gives accents apart from their letters.
        (("caf\u00e9*",), (), ["cafe\u0301.wav", "CAF\u00c9.wav"], ["cafe.wav"]),
    ],
)
def test_patterns_say_which_names_are_wanted(
    match: tuple[str, ...], ignore: tuple[str, ...], wanted: list[str], unwanted: list[str]
) -> None:
    folder = WatchFolder(path=HERE, match=match, ignore=ignore)
    assert [name for name in wanted + unwanted if folder.is_wanted(name)] == wanted


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"path": Path("Bounces")}, "watch folder: expected path = an absolute Path, found"),
        ({"path": str(HERE)}, "watch folder: expected path = an absolute Path, found"),
        ({"preset": ""}, "expected preset = text in quotes, found ''"),
        ({"strength": 101}, "expected strength = a number from 0 to 100, found 101"),
        ({"model": " "}, "expected model = text in quotes, found ' '"),
        ({"device": "gpu"}, 'expected device = "auto", "cpu", "cuda" or "cuda:N" with the number of a card, found'),
        ({"match": "*.wav"}, "expected match = a list of texts in quotes"),
        ({"originals": "delete"}, "expected originals = one of 'move', 'keep', found 'delete'"),
        ({"done": ".rebounce"}, "expected done = a name that can name a folder too, found '.rebounce'"),
        ({"errors": "a/b"}, "expected errors = a name that can name a folder too, found 'a/b'"),
        ({"settle_s": -1}, "expected settle_s = a number from 0 to 3600, found -1"),
        ({"poll": "yes"}, "expected poll = \"auto\", true or false, found 'yes'"),
        ({"poll_s": 0}, "expected poll_s = a number from 0.05 to 86400, found 0"),
        ({"file_format": "aiff"}, "expected file_format = one of 'keep', 'wav', 'flac', 'mp3', 'ogg', found 'aiff'"),
        ({"bit_depth": 24}, "expected bit_depth = one of 'keep', '16', '24', '32f', found 24"),
        ({"clip_mode": "soft"}, "expected clip_mode = one of 'rescale', 'keep', 'clamp', 'limit', found 'soft'"),
        ({"schedule": "nights"}, "expected schedule = hours as in"),
        ({"retries": 1.5}, "expected retries = a whole number from 0 to 1000, found 1.5"),
        ({"on_done": ["x", "{y}"]}, "without {y}"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        WatchFolder(**({"path": HERE} | values))


@pytest.mark.parametrize(
    ("values", "message", "place"),
    [
        ({"settle_s": 10, "give_up_s": 9}, "expected give_up_s of at least settle_s = 10, found 9", ("give_up_s",)),
        ({"done": "restored"}, "expected done = a name of its own, found 'restored' for restored", ("names", "done")),
        (
            {"done": "cafe\u0301", "errors": "Caf\u00e9"},
            "expected errors = a name of its own, found 'Caf\u00e9' for done too; give them different names",
            ("names", "errors"),
        ),
        (
            {"file_format": "flac", "bit_depth": "32f"},
            "expected bit_depth = one that format = 'flac' can hold, found '32f'; FLAC takes '16' or '24', so leave",
            ("bit_depth",),
        ),
        (
            {"file_format": "mp3", "bit_depth": "16"},
            "can hold, found '16'; MP3 has no bit depth, so leave bit_depth out or choose format = 'wav'",
            ("bit_depth",),
        ),
        (
            {"file_format": "mp3", "sample_rate_hz": 96000},
            "expected sample_rate = one that MP3 has, found 96000; choose 48000 or another format",
            ("sample_rate",),
        ),
    ],
)
def test_settings_that_cannot_be_together_are_refused(
    values: dict[str, Any], message: str, place: tuple[str, ...]
) -> None:
    with pytest.raises(SettingError, match=re.escape(message)) as raised:
        WatchFolder(path=HERE, **values)
    assert raised.value.places[0] == place


@pytest.mark.parametrize(
    "values",
    [
        {"settle_s": 0, "give_up_s": 0},
        {"file_format": "flac", "bit_depth": "24"},
        {"file_format": "wav", "bit_depth": "32f"},
        {"file_format": "mp3", "sample_rate_hz": 48000},
        {"restored": "Done", "done": "Restored"},
    ],
)
def test_settings_that_can_be_together_are_let_through(values: dict[str, Any]) -> None:
    folder = WatchFolder(path=HERE, **values)
    assert {key: getattr(folder, key) for key in values} == values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"folders": ()}, "watch: expected at least one folder, found none"),
        ({"processes": 0}, "watch: expected processes = a whole number from 1 to 256, found 0"),
        ({"web": "8787"}, "watch: expected web = true, false, or an address"),
        ({"web_hosts": "x.example"}, "watch: expected web_hosts = "),
        ({"log_mb": 0}, "watch: expected log_mb = a number from 0.001"),
        ({"keep_logs": -1}, "watch: expected keep_logs = a whole number from 0 to 1000, found -1"),
        ({"ledger_days": "forever"}, "watch: expected ledger_days = a number from 0 to 100000, found 'forever'"),
    ],
)
def test_what_is_said_once_is_checked_too(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        WatchPlan(**({"folders": (WatchFolder(path=HERE),)} | values))


def test_the_token_is_checked_and_never_shown() -> None:
    with pytest.raises(ValueError, match="expected web_token = a secret of 16 letters, digits and signs") as raised:
        WatchPlan(folders=(WatchFolder(path=HERE),), web_token="hunter2")
    assert "hunter2" not in str(raised.value)
    assert "0123456789abcdef" not in repr(WatchPlan(folders=(WatchFolder(path=HERE),), web_token="0123456789abcdef"))


def test_a_plan_takes_its_web_address_as_text_too() -> None:
    plan = replace(WatchPlan(folders=(WatchFolder(path=HERE),)), web="[::1]:80")  # type: ignore[arg-type]
    assert plan.web == WebAddress(host="::1", port=80)


def folders_in(root: Path, *names: str) -> tuple[WatchFolder, ...]:
    for name in names:
        (root / name).mkdir(parents=True, exist_ok=True)
    return tuple(WatchFolder(path=root / name) for name in names)


def test_folders_that_lie_apart_are_one_plan(tmp_path: Path) -> None:
    folders = folders_in(tmp_path, "a", "ab", "b/a", "c")
    assert WatchPlan(folders=folders).folders == folders


@pytest.mark.parametrize(
    ("names", "relation"),
    [(("a", "a"), "is the same folder as"), (("a", "a/b/c"), "lies inside"), (("a/b/c", "a"), "holds")],
)
def test_folders_that_overlap_are_refused_with_both_their_lines(
    tmp_path: Path, names: tuple[str, str], relation: str
) -> None:
    first, second = folders_in(tmp_path, *names)
    config = tmp_path / "rebounce.toml"
    message = f"{config}, line 9: expected folders that lie apart, found {second.path}, which {relation} {first.path} "
    with pytest.raises(ValueError, match=f"^{re.escape(message + f'({config}, line 4)')}; .* leave one of the two out"):
        WatchPlan(folders=(replace(first, config=config, line=4), replace(second, config=config, line=9)))


def test_folders_that_overlap_through_a_link_are_refused(tmp_path: Path) -> None:
    first, inner, apart = folders_in(tmp_path, "a", "a/b", "c")
    (tmp_path / "link").symlink_to(inner.path, target_is_directory=True)
    with pytest.raises(ValueError, match="link, which lies inside"):
        WatchPlan(folders=(apart, first, WatchFolder(path=tmp_path / "link")))


def test_folders_that_are_not_there_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    gone = WatchFolder(path=tmp_path / "gone")
    assert len(WatchPlan(folders=(gone, WatchFolder(path=tmp_path / "gone too"))).folders) == 2
    with pytest.raises(ValueError, match="is the same folder as"):
        WatchPlan(folders=(gone, gone))

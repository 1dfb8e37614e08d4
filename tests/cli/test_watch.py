"""`rebounce watch` as it is typed: what it does, says and refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Outcome, chain, damped, rebounce, rebounce_many, write

from rebounce.cli_watch import Arguments
from rebounce.cli_watch import watch as command
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.processes import this_process
from rebounce.watchers.setting_checks import WebAddress
from rebounce.watchers.settings import WatchPlan
from rebounce.watching import read_plan

SHORT = 0.5
QUICK = ("--once", "--settle", "0.05")
BROKEN = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x63\x00\x01\x00" + bytes(20)


def files(folder: Path) -> set[str]:
    """Every file below the folder but our own, by its path."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {path for path in found if not path.startswith(".rebounce/")}


def watch(folder: Path, *more: object) -> Outcome:
    return rebounce("watch", folder, *QUICK, *more)


@pytest.fixture
def bounces(tmp_path: Path) -> Path:
    """A folder with one bounce, and another in a folder below."""
    folder = tmp_path / "Bounces"
    write(folder / "Mix.wav", damped(SHORT), "PCM_24")
    write(folder / "Album/Song.wav", damped(SHORT, seed=1), "PCM_24")
    return folder


def test_what_is_there_is_restored_and_originals_are_put_away(bounces: Path) -> None:
    before = (bounces / "Mix.wav").read_bytes()
    done = watch(bounces, "--preset", "five-stage", "--json")
    assert (done.code, done.statuses()) == (0, {"Mix.wav": "restored", "Song.wav": "restored"})
    kept = {"Restored/Mix.wav", "Restored/Mix.json", "Restored/Album/Song.wav", "Restored/Album/Song.json"}
    assert files(bounces) == kept | {"Done/Mix.wav", "Done/Album/Song.wav"}
    assert (bounces / "Done/Mix.wav").read_bytes() == before
    record = json.loads((bounces / "Restored/Mix.json").read_text(encoding="utf-8"))
    assert record == done.record("Mix.wav")
    assert record["output"] == str(bounces / "Restored/Mix.wav")
    assert record["input"] == str(bounces / "Mix.wav")


def test_the_results_are_those_of_restore(bounces: Path, tmp_path: Path) -> None:
    rebounce("restore", bounces, "-o", tmp_path / "out", "--preset", "five-stage")
    watch(bounces, "--preset", "five-stage", "--jobs", "2")
    for name in ("Mix.wav", "Album/Song.wav"):
        assert (bounces / "Restored" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_a_file_that_needs_nothing_comes_back_byte_for_byte(bounces: Path) -> None:
    done = watch(bounces, "--preset", "bypass", "--json")
    assert set(done.statuses().values()) == {"unchanged"}
    assert (bounces / "Restored/Mix.wav").read_bytes() == (bounces / "Done/Mix.wav").read_bytes()


def test_what_is_done_is_not_done_again(bounces: Path) -> None:
    watch(bounces)
    before = {path: path.stat().st_mtime_ns for path in bounces.rglob("*.*") if ".rebounce" not in path.parts}
    assert watch(bounces, "--json").out == ""
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_failure_is_told_in_one_sentence_and_tried_again_when_asked(bounces: Path) -> None:
    (bounces / "Broken.wav").write_bytes(BROKEN)
    config = bounces.parent / "rebounce.toml"
    config.write_text('[[folder]]\npath = "Bounces"\nsettle_s = 0.05\ngive_up_s = 0.1\n', encoding="utf-8")
    done = rebounce("watch", "--config", config, "--once")
    assert done.code == 1
    assert "Broken.wav: failed: " in done.err
    sentence = (bounces / "Errors/Broken.txt").read_text(encoding="utf-8")
    assert sentence.startswith("Broken.wav: ")
    assert (sentence.count("\n"), str(bounces) in sentence) == (1, False)
    assert (bounces / "Errors/Broken.wav").read_bytes() == BROKEN
    write(bounces / "Errors/Broken.wav", damped(SHORT, seed=2), "PCM_24")  # mended by hand
    again = rebounce("watch", bounces, "--retry")
    assert again.code == 0
    assert "1 queued again" in again.err
    assert "no service runs" in again.err
    assert rebounce("watch", "--config", config, "--once").code == 0
    assert {"Restored/Broken.wav", "Restored/Broken.json", "Done/Broken.wav"} <= files(bounces)
    assert not {path for path in files(bounces) if path.startswith("Errors/")}


def test_status_tells_what_is_known(bounces: Path) -> None:
    never = rebounce("watch", bounces, "--status")
    assert (never.code, "never watched" in never.out) == (0, True)
    assert files(bounces) == {"Mix.wav", "Album/Song.wav"}
    watch(bounces)
    (status,) = (json.loads(line) for line in rebounce("watch", bounces, "--status", "--json").out.splitlines())
    assert status["folder"] == str(bounces)
    assert (status["counts"]["unchanged"], status["counts"]["failed"], status["services"]) == (2, 0, [])
    assert {bounce["path"] for bounce in status["finished"]} == {"Mix.wav", "Album/Song.wav"}
    assert "2 unchanged" in rebounce("watch", bounces, "--status").out
    assert "work waits" not in rebounce("watch", bounces, "--status").out


def test_status_tells_why_work_waits(bounces: Path) -> None:
    watch(bounces)
    with Ledger(bounces / ".rebounce/ledger.sqlite") as ledger:
        ledger.serve(this_process(), "auto")
        ledger.wait(this_process(), "the disk is nearly full")
    assert "  work waits: the disk is nearly full\n" in rebounce("watch", bounces, "--status").out
    (status,) = (json.loads(line) for line in rebounce("watch", bounces, "--status", "--json").out.splitlines())
    assert status["waits"] == "the disk is nearly full"


def test_a_config_binds_each_folder_to_its_own_settings(bounces: Path, tmp_path: Path) -> None:
    write(tmp_path / "Other/Take.wav", damped(SHORT, seed=3), "PCM_16")
    write(tmp_path / "Other/draft.wav", damped(SHORT, seed=4), "PCM_16")
    chain(tmp_path / "quiet.toml", '[[chain]]\nplugin = "Gain"\ngain_db = -6.0\n')
    lines = ["[defaults]", "settle_s = 0.05", "spare_mb = 0", "[[folder]]", 'path = "Bounces"', 'match = ["Mix*"]']
    lines += ["[[folder]]", 'path = "Other"', 'preset = "quiet.toml"', 'originals = "keep"', 'ignore = ["draft*"]']
    lines += ['format = "flac"', "[folder.names]", 'restored = "Finished"', ""]
    (tmp_path / "rebounce.toml").write_text("\n".join(lines), encoding="utf-8")
    done = rebounce("watch", "--config", tmp_path / "rebounce.toml", "--once", "--json")
    assert (done.code, done.statuses()) == (0, {"Mix.wav": "unchanged", "Take.wav": "restored"})
    assert files(bounces) == {"Restored/Mix.wav", "Restored/Mix.json", "Done/Mix.wav", "Album/Song.wav"}
    assert files(tmp_path / "Other") == {"Finished/Take.flac", "Finished/Take.json", "Take.wav", "draft.wav"}
    again = rebounce("watch", "--config", tmp_path / "rebounce.toml", "--once", "--json")
    assert (again.code, again.out) == (0, "")


def test_what_cannot_be_is_refused_before_anything_is_touched(bounces: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('[[folder]]\npath = "Bounces"\nsettel_s = 3\n', encoding="utf-8")
    missing = tmp_path / "missing.toml"
    missing.write_text('jobs = 1\n\n[[folder]]\npath = "Bounces"\npreset = "five-stag"\n', encoding="utf-8")
    calls: dict[str, tuple[object, ...]] = {
        "line 3": ("--config", bad),
        "did you mean 'five-stage'": ("--config", missing, "--once"),
        "found both": (bounces, "--config", bad),
        "nowhere": (tmp_path / "nowhere",),
        "expected at least one folder": (),
        "five-stag": (bounces, "--preset", "five-stag", "--once"),
        "exclude": (bounces, "-q", "-v"),
        "token-restore": (bounces, "--preset", "token-restor", "--once"),
        "lies inside": (bounces, bounces / "Album"),
        "--status only tells": (bounces, "--status", "--retry"),
        "--retry has no JSON": (bounces, "--retry", "--json"),
        "watch: expected web = ": (bounces, "--web-address", "nowhere"),
    }
    there = os.getcwd()
    os.chdir(tmp_path)
    try:
        found = rebounce_many([("watch", *arguments) for arguments in calls.values()])
    finally:
        os.chdir(there)
    for (words, _), told in zip(calls.items(), found, strict=True):
        assert (told.code, words in told.err) == (2, True), (words, told)
    assert files(bounces) == {"Mix.wav", "Album/Song.wav"}


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ('jobs = 1\n\n[[folder]]\npath = "Bounces"\npreset = "five-stag"\n', 5),
        ('jobs = 1\n[defaults]\npreset = "five-stag"\n[[folder]]\npath = "Bounces"\n', 3),
    ],
)
def test_the_error_of_a_preset_names_its_line(bounces: Path, tmp_path: Path, written: str, line: int) -> None:
    config = tmp_path / "rebounce.toml"
    config.write_text(written, encoding="utf-8")
    told = rebounce("watch", "--config", config, "--once")
    assert (told.code, f"{config}, line {line}:" in told.err) == (2, True)
    assert files(bounces) == {"Mix.wav", "Album/Song.wav"}


def test_a_program_that_is_not_there_is_said_before_anything_is_done(bounces: Path, tmp_path: Path) -> None:
    config = tmp_path / "rebounce.toml"
    config.write_text('[[folder]]\npath = "Bounces"\non_done = ["no-such-program"]\n', encoding="utf-8")
    told = rebounce("watch", "--config", config, *QUICK)
    assert told.code == 0
    assert f"{config}, line 1: on_done: 'no-such-program' is no program that is found here" in told.err.splitlines()[0]


def test_the_log_has_one_object_a_line(bounces: Path) -> None:
    watch(bounces)
    lines = (bounces / ".rebounce/log.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    assert {"time", "level", "event", "folder", "message"} <= set.intersection(*(set(event) for event in events))
    names = [event["event"] for event in events if event.get("path") == "Mix.wav"]
    assert names == ["discovered", "queued", "started", "unchanged"]


def test_nothing_of_the_audio_stack_is_loaded_by_the_service_itself(bounces: Path, tmp_path: Path) -> None:
    script = tmp_path / "look.py"
    script.write_text(
        "import sys\n"
        "from rebounce.cli import main\n"
        "if __name__ == '__main__':\n"
        f"    sys.argv = ['rebounce', 'watch', {str(bounces)!r}, *{QUICK!r}, '--preset', 'five-stage']\n"
        "    try:\n"
        "        main()\n"
        "    finally:\n"
        "        heavy = ('numpy', 'scipy', 'soundfile', 'onnxruntime', 'pedalboard', 'mutagen', 'rich', 'torch')\n"
        "        print([name for name in heavy if name in sys.modules])\n",
        encoding="utf-8",
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "[]\n"), run.stderr
    assert "Restored/Mix.wav" in files(bounces)


def test_a_page_that_cannot_be_served_is_refused_before_anything_is_touched(bounces: Path, tmp_path: Path) -> None:
    script = tmp_path / "without_web.py"
    script.write_text(
        "import sys\n"
        "from rebounce.cli import main\n"
        "if __name__ == '__main__':\n"
        "    sys.modules['starlette'] = None\n"
        "    main()\n",
        encoding="utf-8",
    )
    words = [sys.executable, script, "watch", bounces, *QUICK, "--web"]
    told = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert (told.returncode, "pip install 'rebounce[web]'" in told.stderr) == (2, True)
    assert not (bounces / ".rebounce").exists()


def test_a_name_cannot_tell_the_terminal_what_to_do(bounces: Path) -> None:
    (bounces / "Mix.wav").rename(bounces / "a\x1b[2Jb\nc.wav")
    done = watch(bounces, "-v")
    assert "a\\x1b[2Jb\\nc.wav" in done.err
    assert "\x1b" not in done.err + rebounce("watch", bounces, "--status").out
    assert "Restored/a\x1b[2Jb\nc.wav" in files(bounces)


# -- what is typed


def typed(*arguments: str) -> WatchPlan:
    """The plan that comes of a line as it is typed."""
    context = command.make_context("watch", list(arguments))
    return read_plan(Arguments(**context.params))


def test_what_is_typed_reaches_the_plan(bounces: Path) -> None:
    (usual,) = typed(str(bounces)).folders
    assert (usual.preset, usual.settle_s, usual.poll) == ("auto", 3.0, None)
    plan = typed(str(bounces), "--preset", "bypass", "--settle", "1.5", "--poll", "--jobs", "3", "--web")
    (folder,) = plan.folders
    assert (folder.path, folder.preset, folder.settle_s, folder.poll) == (bounces, "bypass", 1.5, True)
    assert (plan.processes, plan.web) == (3, WebAddress())
    assert (typed(str(bounces)).processes, typed(str(bounces)).web) == (1, None)
    assert typed(str(bounces), "--web-address", "127.0.0.1:8901").web == WebAddress(host="127.0.0.1", port=8901)


def test_what_is_typed_wins_over_the_config_and_the_rest_of_it_stays(bounces: Path, tmp_path: Path) -> None:
    config = tmp_path / "rebounce.toml"
    lines = ["jobs = 2", "web = true", "[[folder]]", 'path = "Bounces"', 'preset = "bypass"', "settle_s = 9"]
    config.write_text("\n".join([*lines, "poll = false", 'originals = "keep"', ""]), encoding="utf-8")
    more = ("--preset", "five-stage", "--settle", "0.5", "--poll", "--jobs", "4", "--web-address", "127.0.0.1:8901")
    kept, plan = typed("--config", str(config)), typed("--config", str(config), *more)
    assert [(one.preset, one.settle_s, one.poll) for one in kept.folders] == [("bypass", 9.0, False)]
    assert [(one.preset, one.settle_s, one.poll) for one in plan.folders] == [("five-stage", 0.5, True)]
    assert [one.originals for one in (*kept.folders, *plan.folders)] == ["keep", "keep"]
    assert (kept.processes, kept.web) == (2, WebAddress())
    assert (plan.processes, plan.web) == (4, WebAddress(host="127.0.0.1", port=8901))


def test_only_trouble_is_told_with_q_and_every_small_step_with_v(bounces: Path) -> None:
    config = bounces.parent / "rebounce.toml"
    config.write_text('[[folder]]\npath = "Bounces"\nsettle_s = 0.05\ngive_up_s = 0.1\n', encoding="utf-8")
    said: dict[str, str] = {}
    for number, option in enumerate(("-q", "-v", "")):
        write(bounces / f"New {number}.wav", damped(SHORT, seed=number + 5), "PCM_24")
        (bounces / f"Broken {number}.wav").write_bytes(BROKEN + bytes(number))
        more = [option] if option else []
        said[option] = rebounce("watch", "--config", config, "--once", "--preset", "bypass", *more).err
    (trouble,) = said["-q"].splitlines()
    assert "Broken 0.wav: failed: " in trouble
    assert "New 1.wav: started" in said["-v"]
    assert ": started" not in said[""]
    assert "New 2.wav: nothing to change" in said[""]

"""The service as it runs: stops, workers and plugins that die, settings that change, commands of the user's."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from commands import children, parts, wait_until, workers
from killing_service import DEAFEN, HOLD, PARENT, Deed
from watch_expectations import by_chain, delivered, faults
from watch_service import GAIN, Ground, Running, files_below, gain_chain, make_ground, slow_chain, tone_file

from rebounce.watchers.bounce import State
from rebounce.watchers.steps import BEFORE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into processes as Linux shows them")

FIRST, SECOND, THIRD = tone_file(1), tone_file(2), tone_file(3)
STOP_S, CTRL_C_S = 2.0, 1.0
AUDIO_LIBRARIES = ("numpy", "scipy", "soundfile", "pedalboard", "onnxruntime")


def working_ground(base: Path, content: bytes, *chain: str) -> tuple[Ground, Path]:
    """A ground with one bounce that takes a while."""
    ground = make_ground(base)
    slow = slow_chain(base)
    slow.write_text("\n".join([*chain, slow.read_text(encoding="utf-8")]), encoding="utf-8")
    ground.configure(preset=str(slow))
    ground.drop("a.wav", content)
    return ground, slow


def wait_for_work(ground: Ground, service: Running) -> None:
    """Until there is audio in the result."""
    service.wait_until(lambda: any(size(part) > 4096 for part in parts(ground.root)))


def size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


# -- stops


@pytest.mark.parametrize(("number", "stop_s"), [(signal.SIGTERM, STOP_S), (signal.SIGINT, CTRL_C_S)])
def test_a_stop_ends_it_in_time_and_leaves_nothing_half_written(
    tmp_path: Path, number: signal.Signals, stop_s: float
) -> None:
    content = tone_file(1, seconds=60)
    ground, chain = working_ground(tmp_path, content)
    with ground.start() as service:
        wait_for_work(ground, service)
        assert service.stop(number) < stop_s
        assert children(service.process.pid) == []
    assert parts(ground.root) == []
    assert [bounce.state for bounce in ground.bounces()] == [State.PARKED]
    assert [name for name in files_below(ground.root) if not name.startswith(".rebounce")] == ["a.wav"]
    ground.finish()
    assert faults(ground, delivered({"a.wav": [content]}, by_chain(chain))) == []


def test_a_stop_ends_an_idle_service_too(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    with ground.start() as service:
        service.wait_for_word("watching")
        assert service.stop() < STOP_S


def test_the_service_itself_loads_no_audio_library(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    ground.drop("a.wav", FIRST)
    with ground.start() as service:
        service.wait_until(lambda: ground.count_finished() == 1)
        loaded = Path(f"/proc/{service.process.pid}/maps").read_text(encoding="utf-8")
        (worker,) = workers(service.process.pid)
        assert "numpy" in Path(f"/proc/{worker}/maps").read_text(encoding="utf-8")
        service.stop()
    assert [name for name in AUDIO_LIBRARIES if name in loaded] == []


# -- deaths


def test_a_file_at_which_workers_die_twice_fails_and_the_others_go_on(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    ground.drop("a.wav", FIRST)
    held = [Deed(at="delivery.restore", when=BEFORE, what=HOLD, path="/never") for _ in range(2)]
    with ground.start(deeds=held) as service:
        for left in (1, 0):
            service.wait_until(lambda left=left: len(ground.undone()) == left)  # type: ignore[misc]
            (worker,) = workers(service.process.pid)
            os.kill(worker, signal.SIGKILL)
        ground.drop("b.wav", SECOND)
        service.wait_until(lambda: ground.count_finished() == 2)
        service.stop()
    assert faults(ground, delivered({"b.wav": [SECOND]}, failed={"a.wav": [FIRST]})) == []
    assert "died, twice" in (ground.root / "Errors/a.txt").read_text(encoding="utf-8")


def test_a_plugin_that_crashes_fails_its_file_alone(tmp_path: Path, zam_folder: Path) -> None:
    plugin = f'[[chain]]\nplugin = "{zam_folder / "ZaMaximX2.vst3"}"\n'
    content = tone_file(1, seconds=60)
    ground, chain = working_ground(tmp_path, content, plugin)
    with ground.start() as service:
        wait_for_work(ground, service)
        (worker,) = workers(service.process.pid)
        (guest,) = children(worker)
        os.kill(guest, signal.SIGSEGV)
        ground.drop("b.wav", SECOND)
        service.wait_until(lambda: ground.count_finished() == 2)
        assert workers(service.process.pid) == [worker]
        service.stop()
    assert faults(ground, delivered({"b.wav": [SECOND]}, by_chain(chain), failed={"a.wav": [content]})) == []
    assert "SIGSEGV" in (ground.root / "Errors/a.txt").read_text(encoding="utf-8")


def test_a_service_that_hears_no_more_is_made_to_hear_again(tmp_path: Path) -> None:
    ground = make_ground(tmp_path, rescan_s=3600)
    ground.drop("a.wav", FIRST)
    with ground.start(deeds=[Deed(at="ledger.queue", when=BEFORE, what=DEAFEN, role=PARENT)]) as service:
        service.wait_for_word("the observer ended and is started again")
        ground.drop("b.wav", SECOND)
        service.wait_until(lambda: ground.count_finished() == 2)
        service.stop()
    assert faults(ground, delivered({"a.wav": [FIRST], "b.wav": [SECOND]})) == []


# -- settings and commands


def test_a_changed_config_counts_without_a_restart(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    chain = gain_chain(tmp_path)
    ground.drop("a.wav", FIRST)
    with ground.start() as service:
        service.wait_until(lambda: ground.count_finished() == 1)
        before = ground.config.read_text(encoding="utf-8")
        ground.config.write_text(before + "nonsense = 1\n", encoding="utf-8")
        service.wait_for_word("serving on as before")
        assert "nonsense" in service.said
        ground.configure(preset=str(chain))
        service.wait_for_word("the config was read again")
        ground.drop("b.wav", SECOND)
        service.wait_until(lambda: ground.count_finished() == 2)
        service.stop()
    expected = delivered({"a.wav": [FIRST]})
    changed = delivered({"b.wav": [SECOND]}, by_chain(chain))
    expected.results.update(changed.results)
    expected.originals.update(changed.originals)
    assert faults(ground, expected) == []


def test_what_is_being_worked_on_is_finished_as_it_was_begun_when_the_config_changes(tmp_path: Path) -> None:
    content = tone_file(1, seconds=30)
    ground, chain = working_ground(tmp_path, content)
    with ground.start() as service:
        wait_for_work(ground, service)
        ground.configure(preset="bypass", settle_s=0.06)
        service.wait_for_word("the config was read again")
        service.wait_until(lambda: ground.count_finished() == 1)
        service.stop()
    assert faults(ground, delivered({"a.wav": [content]}, by_chain(chain))) == []


def test_a_chain_file_that_is_changed_counts_from_the_next_bounce_on(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    chain = gain_chain(tmp_path)
    ground.configure(preset=str(chain))
    first = by_chain(chain)(FIRST)
    ground.drop("a.wav", FIRST)
    with ground.start() as service:
        service.wait_until(lambda: ground.count_finished() == 1)
        chain.write_text(GAIN.replace("-6", "-3"), encoding="utf-8")
        ground.drop("b.wav", FIRST)
        service.wait_until(lambda: ground.count_finished() == 2)
        service.stop()
    second = by_chain(chain)(FIRST)
    assert first != second
    expected = delivered({"a.wav": [FIRST], "b.wav": [FIRST]}, lambda _: second)
    expected.results["a.wav"] = delivered({"a.wav": [FIRST]}, lambda _: first).results["a.wav"]
    assert faults(ground, expected) == []


def test_commands_are_told_what_became_of_each_bounce(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    told = tmp_path / "told"
    script = 'printf "%s\\n" "$@" > "$0.tmp" && mv "$0.tmp" "$0"'
    values = ["{status}", "{input}", "{original}", "{output}", "{record}", "{error}"]
    ground.configure(
        on_done=["sh", "-c", script, f"{told}-done", *values], on_failed=["sh", "-c", script, f"{told}-failed", *values]
    )
    ground.drop("Ein Lied; ls.wav", FIRST)
    ground.drop("b.wav", b"no audio " * 100)
    with ground.start() as service:
        wait_until(lambda: (tmp_path / "told-done").exists() and (tmp_path / "told-failed").exists())
        service.stop()
    root = ground.root
    name = "Ein Lied; ls"
    done = (tmp_path / "told-done").read_text(encoding="utf-8").splitlines()
    restored = [str(root / "Restored" / f"{name}.wav"), str(root / "Restored" / f"{name}.json")]
    assert done == ["unchanged", str(root / f"{name}.wav"), str(root / "Done" / f"{name}.wav"), *restored, ""]
    failed = (tmp_path / "told-failed").read_text(encoding="utf-8").splitlines()
    assert failed[:4] == ["error", str(root / "b.wav"), str(root / "Errors/b.wav"), ""]
    assert failed[4] == str(root / "Errors/b.txt")
    sentence = (root / "Errors/b.txt").read_text(encoding="utf-8").removeprefix("b.wav: ").strip()
    assert failed[5].endswith(sentence)


def test_status_as_json_tells_of_a_running_service(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    ground.drop("a.wav", FIRST)
    with ground.start() as service:
        service.wait_until(lambda: ground.count_finished() == 1)
        with ground.start("--status", "--json") as asking:
            assert asking.wait() == 0
            status = json.loads(asking.said)
        assert status["services"] == [service.process.pid]
        assert status["counts"]["unchanged"] == 1
        service.stop()

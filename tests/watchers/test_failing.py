import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bouncing import NOT_AUDIO, Serving, discovered, watch_folder

from rebounce import __version__
from rebounce.engine.errors import OutputError
from rebounce.watchers.bounce import Bounce, State
from rebounce.watchers.failing import DIED, fail


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(watch_folder(tmp_path / "Bounces", on_failed=("notify",)))
    yield serving
    serving.close()


def started(serving: Serving, path: str) -> Bounce:
    bounce = discovered(serving, path, NOT_AUDIO)
    assert serving.ledger.start(bounce.id, serving.owner, serving.owner)
    return serving.ledger.known(bounce.id)


def test_a_failure_is_one_sentence_and_the_original_in_errors(serving: Serving) -> None:
    bounce = started(serving, "Album/Mix.wav")
    record = fail(serving.layout, serving.ledger, serving.folder, bounce, DIED)
    assert serving.files() == {"Errors/Album/Mix.wav": NOT_AUDIO, "Errors/Album/Mix.txt": f"Mix.wav: {DIED}\n".encode()}
    failed = serving.ledger.known(bounce.id)
    assert (failed.state, failed.source, failed.plan) == (State.FAILED, "Errors/Album/Mix.wav", None)
    assert failed.record == json.loads(json.dumps(record))
    assert record["status"] == "error"
    assert record["error"] == f"{serving.layout.at('Album/Mix.wav')}: {DIED}"
    assert (record["output"], record["version"], record["preset"]) == (None, __version__, "bypass")
    assert record["error"] == f"{serving.layout.at(bounce.path)}: {failed.reason}"


def test_the_users_command_is_still_to_be_told_where_there_is_one(serving: Serving) -> None:
    bounce = started(serving, "Mix.wav")
    fail(serving.layout, serving.ledger, serving.folder, bounce, "broken")
    assert [untold.id for untold in serving.ledger.untold()] == [bounce.id]


def test_without_a_command_nobody_waits_to_be_told(tmp_path: Path) -> None:
    serving = Serving(watch_folder(tmp_path / "Bounces"))
    try:
        fail(serving.layout, serving.ledger, serving.folder, started(serving, "Mix.wav"), "broken")
        assert serving.ledger.untold() == []
    finally:
        serving.close()


def test_originals_that_are_kept_stay_and_have_their_sentence(tmp_path: Path) -> None:
    serving = Serving(watch_folder(tmp_path / "Bounces", originals="keep"))
    try:
        bounce = started(serving, "Mix.wav")
        fail(serving.layout, serving.ledger, serving.folder, bounce, "broken")
        assert serving.files() == {"Mix.wav": NOT_AUDIO, "Errors/Mix.txt": b"Mix.wav: broken\n"}
        assert serving.ledger.known(bounce.id).source == "Mix.wav"
        assert serving.ledger.kept() == {"Mix.wav": bounce.stamp}
    finally:
        serving.close()


def test_a_file_that_is_gone_meanwhile_leaves_its_sentence(serving: Serving) -> None:
    bounce = started(serving, "Mix.wav")
    serving.layout.at("Mix.wav").unlink()
    fail(serving.layout, serving.ledger, serving.folder, bounce, "broken")
    assert serving.files() == {"Errors/Mix.txt": b"Mix.wav: broken\n"}
    assert serving.ledger.known(bounce.id).state is State.FAILED


def test_a_name_of_any_bytes_can_fail(serving: Serving) -> None:
    bounce = started(serving, "M\udcffx.wav")
    fail(serving.layout, serving.ledger, serving.folder, bounce, "broken")
    assert serving.files() == {
        "Errors/M\udcffx.wav": NOT_AUDIO,
        "Errors/M\udcffx.txt": b"M\\udcffx.wav: broken\n",
    }
    assert serving.ledger.known(bounce.id).source == "Errors/M\udcffx.wav"


def test_where_no_failure_can_be_delivered_the_bounce_is_still_running(serving: Serving) -> None:
    bounce = started(serving, "Mix.wav")
    serving.layout.at("Errors").write_bytes(b"no folder")
    with pytest.raises((OutputError, OSError)):
        fail(serving.layout, serving.ledger, serving.folder, bounce, "broken")
    assert serving.ledger.known(bounce.id).state is State.RUNNING
    assert serving.layout.at("Mix.wav").read_bytes() == NOT_AUDIO

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bouncing import NOT_AUDIO, Serving, discovered, gone_process, tiny, watch_folder

from rebounce.watchers.bounce import State
from rebounce.watchers.processes import this_process
from rebounce.watchers.status import MOST_LISTED, Watched, bounce_status, eta_s, folder_status


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(watch_folder(tmp_path / "Bounces"))
    yield serving
    serving.close()


def watched(serving: Serving) -> Watched:
    return Watched(layout=serving.layout, preset="auto", name="Bounces")


def test_a_folder_in_which_nothing_was_dropped_has_nothing_to_tell(serving: Serving) -> None:
    assert folder_status(watched(serving), serving.ledger) == {
        "folder": str(serving.layout.root),
        "name": "Bounces",
        "preset": "auto",
        "services": [],
        "waits": None,
        "counts": {state.value: 0 for state in State},
        "unfinished": [],
        "finished": [],
    }


def test_what_is_done_waits_and_runs_is_told(serving: Serving) -> None:
    done = serving.bounce("Done.wav", tiny(1))
    failed = serving.bounce("Failed.wav", NOT_AUDIO)
    running = discovered(serving, "Running.wav", tiny(2))
    queued = discovered(serving, "Queued.wav", tiny(3))
    assert serving.ledger.start(running.id, serving.owner, serving.owner)
    status = folder_status(watched(serving), serving.ledger)
    assert [bounce["id"] for bounce in status["unfinished"]] == [running.id, queued.id]
    assert [bounce["id"] for bounce in status["finished"]] == [failed.id, done.id]
    counts = {state: count for state, count in status["counts"].items() if count}
    assert counts == {"queued": 1, "running": 1, "unchanged": 1, "failed": 1}
    first, second = status["finished"]
    assert (first["state"], first["original"], first["reason"]) == ("failed", "Errors/Failed.wav", failed.reason)
    assert (second["result"], second["record"]) == ("Restored/Done.wav", done.record)
    json.dumps(status, allow_nan=False)


def test_services_are_told_while_they_live_and_the_preset_is_theirs(serving: Serving) -> None:
    serving.ledger.serve(replace(gone_process(), host=this_process().host), "gone")
    assert folder_status(watched(serving), serving.ledger)["services"] == []
    serving.ledger.serve(this_process(), "five-stage")
    status = folder_status(watched(serving), serving.ledger)
    assert (status["services"], status["preset"]) == ([this_process().pid], "five-stage")


def test_why_work_waits_is_told_while_nobody_that_lives_goes_on_with_it(serving: Serving) -> None:
    ledger, gone = serving.ledger, replace(gone_process(), host=this_process().host)
    ledger.serve(this_process(), "auto")
    ledger.wait(this_process(), "the disk is nearly full")
    assert folder_status(watched(serving), ledger)["waits"] == "the disk is nearly full"
    ledger.wait(this_process(), None)
    assert folder_status(watched(serving), ledger)["waits"] is None
    ledger.serve(gone, "auto")
    ledger.wait(gone, "its hours begin at noon")
    assert folder_status(watched(serving), ledger)["waits"] is None
    ledger.leave(this_process())
    assert folder_status(watched(serving), ledger)["waits"] is None


def test_no_more_are_listed_than_one_can_read(serving: Serving) -> None:
    for number in range(MOST_LISTED + 5):
        discovered(serving, f"{number}.wav", tiny(1))
    status = folder_status(watched(serving), serving.ledger)
    assert len(status["unfinished"]) == MOST_LISTED
    assert status["counts"]["queued"] == MOST_LISTED + 5


def test_how_long_it_takes_still_goes_by_what_is_done(serving: Serving) -> None:
    bounce = discovered(serving, "Mix.wav", tiny(1))
    assert eta_s(bounce, 0) is None
    running = replace(bounce, state=State.RUNNING, started_at=1000.0)
    assert eta_s(replace(running, progress=0.25), 1010.0) == pytest.approx(30)
    assert eta_s(replace(running, progress=1.0), 1010.0) == 0
    assert eta_s(replace(running, progress=0.01), 1010.0) is None
    assert eta_s(replace(running, progress=0.5, started_at=None), 1010.0) is None
    assert eta_s(replace(running, progress=0.5), 900.0) == 0  # the clock was set back
    assert bounce_status(replace(running, progress=0.5), 1010.0)["eta_s"] == pytest.approx(10)


def test_names_of_any_bytes_can_be_written_as_json_text(serving: Serving) -> None:
    serving.bounce("M\udcff.wav", tiny(1))
    discovered(serving, "N\udcff.wav", tiny(1))
    status = folder_status(watched(serving), serving.ledger)
    assert status["unfinished"][0]["path"] == "N\\udcff.wav"
    json.dumps(status, allow_nan=False).encode("utf-8")
    json.dumps(status, allow_nan=False, ensure_ascii=False).encode("utf-8")

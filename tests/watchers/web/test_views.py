import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from page_folders import begin, drop, failed, folder_at, mix, restored, seen

from rebounce.watchers.bounce import State
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.processes import this_process
from rebounce.watchers.status import MOST_LISTED, Watched
from rebounce.watchers.web import views


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return folder_at(tmp_path / "Bounces")


def view_of(watched: Watched, now_s: float | None = None) -> dict[str, Any]:
    with Ledger(watched.layout.ledger) as ledger:
        return views.folder_view("key", watched, ledger, now_s)


def test_a_running_bounce_has_its_progress_and_how_long_it_will_take(watched: Watched) -> None:
    drop(watched, "Album/Mix.wav", mix(1))
    with Ledger(watched.layout.ledger, now_s=lambda: 1000.0) as ledger:
        id = seen(ledger, watched, "Album/Mix.wav")
        begin(ledger, watched, id)
        ledger.progress(id, 0.25)
        view = views.folder_view("key", watched, ledger, now_s=1010.0)
    (row,) = view["queue"]
    assert (row["name"], row["place"], row["state"], row["progress"]) == ("Mix.wav", "Album", "running", 0.25)
    assert row["eta_s"] == pytest.approx(30.0)
    assert view["counts"]["running"] == 1


def test_why_a_bounce_waits_is_said_in_a_sentence(watched: Watched) -> None:
    drop(watched, "Mix.wav", mix(1))
    with Ledger(watched.layout.ledger) as ledger:
        seen(ledger, watched, "Mix.wav", until=State.SETTLING)
    (row,) = view_of(watched)["queue"]
    assert (row["state"], row["progress"]) == ("settling", None)
    assert row["reason"] == "The header gives a length that is not there yet."


def test_a_result_and_a_failure_are_summed_up_in_a_line(watched: Watched) -> None:
    restored(watched, "Mix.wav", mix(2))
    failed(watched, "Bad.wav", "not audio at all")
    bad, good = view_of(watched)["finished"]
    assert (bad["state"], bad["summary"]) == ("failed", "Not audio at all.")
    assert good["state"] == "done"
    assert good["summary"].endswith("\N{RIGHTWARDS ARROW} \N{MINUS SIGN}14.0 LUFS")


def test_a_failure_is_listed_however_much_was_finished_after_it(watched: Watched) -> None:
    id = failed(watched, "Bad.wav")
    drop(watched, "Mix.wav", mix(0.1))
    with Ledger(watched.layout.ledger) as ledger:
        for number in range(MOST_LISTED + 5):
            path = f"Mix {number}.wav"
            watched.layout.at(path).hardlink_to(watched.layout.at("Mix.wav"))
            begun = begin(ledger, watched, seen(ledger, watched, path))
            ledger.finish(begun.id, State.DONE, path, True)
    listed = view_of(watched)["finished"]
    assert len(listed) == MOST_LISTED + 1
    assert listed[-1]["id"] == id


def test_of_thousands_of_failures_the_latest_are_read_and_the_rest_counted(watched: Watched) -> None:
    drop(watched, "any.wav", mix(0.1))
    with Ledger(watched.layout.ledger) as ledger:
        for number in range(2 * MOST_LISTED + 7):
            path = f"{number}.wav"
            watched.layout.at(path).hardlink_to(watched.layout.at("any.wav"))
            begun = begin(ledger, watched, seen(ledger, watched, path))
            ledger.finish(begun.id, State.FAILED if number < 2 * MOST_LISTED else State.DONE, path, True)
    view = view_of(watched)
    failures = [row["name"] for row in view["finished"] if row["state"] == "failed"]
    assert failures == [f"{number}.wav" for number in range(2 * MOST_LISTED - 1, MOST_LISTED - 1, -1)]
    assert (view["counts"]["failed"], view["latest"]) == (2 * MOST_LISTED, MOST_LISTED)
    assert [row["state"] for row in view["finished"]].count("done") == 7


def test_a_row_names_its_preset_and_its_result(watched: Watched) -> None:
    restored(watched, "Album/Mix.wav", mix(1))
    failed(watched, "Bad.wav")
    bad, good = view_of(watched)["finished"]
    assert (good["preset"], good["result"]) == ("five-stage", "Mix.wav")
    assert bad["result"] is None


def test_why_work_waits_is_a_sentence(watched: Watched) -> None:
    with Ledger(watched.layout.ledger) as ledger:
        ledger.serve(this_process(), "auto")
        assert view_of(watched)["waits"] == ""
        ledger.wait(this_process(), "its hours (22:00-06:00) begin at Mon 22:00")
        assert view_of(watched)["waits"] == "Its hours (22:00-06:00) begin at Mon 22:00."
        assert views.lost_view("key", watched, "gone")["waits"] == ""


def test_presets_go_by_names_that_tell_them_apart() -> None:
    known = ["auto", "bypass", "/home/me/presets/Loud.toml", "/home/me/presets/Soft.toml"]
    assert views.preset_choices(known, "bypass") == [
        ["auto", "auto"],
        ["bypass", "bypass"],
        ["/home/me/presets/Loud.toml", "Loud"],
        ["/home/me/presets/Soft.toml", "Soft"],
    ]
    assert views.preset_choices(known, "/studio/Loud.toml")[2:] == [
        ["/home/me/presets/Loud.toml", "Loud (presets)"],
        ["/home/me/presets/Soft.toml", "Soft"],
        ["/studio/Loud.toml", "Loud (studio)"],
    ]
    assert views.preset_choices([], "five-stage") == [["five-stage", "five-stage"]]


def test_the_louder_side_is_turned_down_to_the_other() -> None:
    assert views.matched_gains(-20.0, -14.0) == {"before": 1.0, "after": pytest.approx(10 ** (-6 / 20))}
    assert views.matched_gains(-14.0, -20.0) == {"before": pytest.approx(10 ** (-6 / 20)), "after": 1.0}
    assert views.matched_gains(None, -20.0) == {"before": 1.0, "after": 1.0}
    assert views.matching(-20.0, -14.0) == "Matched, After is turned down by 6.0 dB."
    assert views.matching(-14.02, -14.0) == "Both sides are at \N{MINUS SIGN}14.0 LUFS."
    assert "unmatched" in views.matching(None, None)


def test_findings_are_told_apart_from_no_analysis() -> None:
    assert views.findings({"findings": None}) == [views.NO_ANALYSIS]
    assert views.findings({"findings": []}) == [views.NOTHING_FOUND]
    assert views.findings({"findings": [{"fault": "hum", "action": "reduced"}]}) == ["Mains hum: reduced."]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.5, "0.50 s"), (24.4, "0:24"), (61, "1:01"), (3599.6, "1:00:00"), (7261, "2:01:01")]
)
def test_lengths_are_told_as_a_clock_does(seconds: float, words: str) -> None:
    assert views.clock(seconds) == words


def test_a_chain_file_goes_by_its_name(watched: Watched) -> None:
    assert views.preset_words("/home/studio/Loud one.toml") == "Loud one"
    assert views.preset_words("five-stage") == "five-stage"


def test_nothing_that_is_shown_is_more_than_plain_data(watched: Watched) -> None:
    id = restored(watched, "<script>.wav", mix(1))
    with Ledger(watched.layout.ledger) as ledger:
        bounce = ledger.bounce(id)
    assert bounce is not None
    told = views.detail_view("key", watched, bounce)
    assert json.loads(json.dumps(told)) == told
    assert told["name"] == "<script>.wav"
    assert views.detail_view("key", watched, replace(bounce, record=None))["measured"] == []

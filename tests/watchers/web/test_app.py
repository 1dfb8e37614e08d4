import http.client
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bouncing import unfinished_at
from page_asking import OWN, PRESETS, Answer, Asker, address, page_of
from page_folders import drop, failed, folder_at, mix, restored, seen

from rebounce.watchers.bounce import State, stamp_of
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.status import Watched
from rebounce.watchers.web.assets import ASSETS
from rebounce.watchers.web.shelf import key_of
from rebounce.watchers.web.views import NO_ANALYSIS

SHORT_S = 1.0


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return folder_at(tmp_path / "Bounces")


@pytest.fixture
def page(watched: Watched) -> Iterator[Asker]:
    with page_of(watched) as asker:
        yield asker


def broken() -> list[str]:
    """A part of the service that is not as it should be."""
    raise RuntimeError("never thought of")


def sights(page: Asker, watched: Watched, id: int) -> dict[str, object]:
    """What there is to see, once it is made."""
    while True:
        told: dict[str, object] = page.ask(f"{address(watched, id)}/sights").json()
        if told["state"] != "making":
            return told
        time.sleep(0.05)


def state_of(watched: Watched, id: int) -> State:
    with Ledger(watched.layout.ledger) as ledger:
        bounce = ledger.bounce(id)
        assert bounce is not None
        return bounce.state


def test_the_page_and_its_parts_are_served_and_nothing_else(page: Asker) -> None:
    assert page.ask("/").headers["Content-Type"].startswith("text/html")
    for name in ASSETS:
        assert page.ask(f"/assets/{name}").status == 200
    for name in ("server.py", "__init__.py", "nothing.js"):
        assert page.ask(f"/assets/{name}").status == 404


def test_a_part_that_is_known_already_is_not_sent_again(page: Asker) -> None:
    tag = page.ask("/assets/page.js").headers["ETag"]
    again = page.ask("/assets/page.js", {"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../server.py",
        "/assets/..%2fserver.py",
        "/assets/%2e%2e/%2e%2e/ledger.py",
        "/../../../../etc/passwd",
        "//etc/passwd",
        "/assets//etc/passwd",
        "/assets/%00",
        "/bounces/{key}/../../etc/passwd",
        "/bounces/{key}/1/file/..%2f..%2fetc%2fpasswd",
        "/bounces/{key}/1/file/before/../../../x",
        "/bounces/{key}/1/x/..%2f..%2fowner.json",
        "/bounces/{key}/1/x/before-..%2fowner.png",
        "/bounces/..%2f..%2f/1",
        "/bounces/{key}/-1",
        "/bounces/{key}/1.5",
        "/bounces/{key}/99999999999999999999999",
        "/bounces/{key}/7",
        "/bounces/nowhere/1",
    ],
)
def test_no_address_leads_out_of_what_is_served(page: Asker, watched: Watched, path: str) -> None:
    drop(watched, "Mix.wav", mix(SHORT_S))
    with Ledger(watched.layout.ledger) as ledger:
        seen(ledger, watched, "Mix.wav")
    answer = page.ask(path.format(key=key_of(watched)))
    assert answer.status == 404
    assert b"root:" not in answer.body


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_a_file_that_is_a_link_out_of_the_folder_is_not_given_out(
    page: Asker, watched: Watched, tmp_path: Path, side: str
) -> None:
    id = restored(watched, "Mix.wav", mix(SHORT_S))
    place = watched.layout.at("Done/Mix.wav" if side == "before" else "Restored/Mix.wav")
    outside = tmp_path / "outside.wav"
    place.rename(outside)
    place.symlink_to(outside)
    assert page.ask(f"{address(watched, id)}/file/{side}").status == 404
    told = sights(page, watched, id)
    assert isinstance(told["sides"], dict)
    assert side not in told["sides"]


def test_the_ledger_itself_is_not_given_out(page: Asker, watched: Watched) -> None:
    drop(watched, "Mix.wav", mix(SHORT_S))
    with Ledger(watched.layout.ledger) as ledger:
        ledger.discover([(".rebounce/ledger.sqlite", stamp_of(watched.layout.ledger.stat()))])
        bounce = unfinished_at(ledger, ".rebounce/ledger.sqlite")
        assert bounce is not None
    assert page.ask(f"{address(watched, bounce.id)}/file/before").status == 404


def test_what_is_said_of_a_bounce_is_what_was_measured(page: Asker, watched: Watched) -> None:
    id = restored(watched, "Album/Mix.wav", mix(SHORT_S))
    told = page.ask(address(watched, id)).json()
    assert (told["name"], told["place"], told["state"]) == ("Mix.wav", "Album", "done")
    assert told["findings"] == [NO_ANALYSIS]
    assert told["measured"][0][0] == "Integrated loudness, LUFS"
    assert told["measured"][0][2] == "\N{MINUS SIGN}14.0"
    assert any(message.startswith("Finish:") for message in told["messages"])
    assert set(told["files"]) == {"before", "after"}
    assert min(told["gains"].values()) < 1.0 == max(told["gains"].values())


def test_both_sides_are_played_from_their_files_and_drawn(page: Asker, watched: Watched) -> None:
    id = restored(watched, "Mix.wav", mix(SHORT_S))
    told = sights(page, watched, id)
    sides = told["sides"]
    assert isinstance(sides, dict)
    for side, place in (("before", "Done/Mix.wav"), ("after", "Restored/Mix.wav")):
        sound = page.ask(sides[side]["sound"])
        assert sound.headers["Content-Type"] == "audio/wav"
        assert sound.body == watched.layout.at(place).read_bytes()
        for picture in ("wave", "spectrum"):
            drawn = page.ask(sides[side][picture])
            assert (drawn.headers["Content-Type"], drawn.body[:4]) == ("image/png", b"\x89PNG")


def part(page: Asker, path: str, wanted: str) -> Answer:
    return page.ask(path, {"Range": wanted})


def test_any_part_of_a_file_can_be_asked_for(page: Asker, watched: Watched) -> None:
    id = restored(watched, "Mix.wav", mix(SHORT_S))
    sides = sights(page, watched, id)["sides"]
    assert isinstance(sides, dict)
    path = sides["before"]["sound"]
    data = watched.layout.at("Done/Mix.wav").read_bytes()
    answer = part(page, path, "bytes=1000-1999")
    assert (answer.status, answer.body) == (206, data[1000:2000])
    assert answer.headers["Content-Range"] == f"bytes 1000-1999/{len(data)}"
    assert part(page, path, "bytes=-10").body == data[-10:]
    assert part(page, path, f"bytes={len(data) - 5}-").body == data[-5:]
    assert part(page, path, f"bytes={len(data)}-").status == 416
    assert page.ask(path, method="HEAD").headers["Content-Length"] == str(len(data))


def test_what_no_browser_plays_is_heard_as_a_preview(page: Asker, watched: Watched) -> None:
    id = restored(watched, "Mix.aiff", mix(SHORT_S))
    sides = sights(page, watched, id)["sides"]
    assert isinstance(sides, dict)
    answer = page.ask(sides["before"]["sound"])
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.body[:4] == b"RIFF"


def test_an_address_of_older_content_is_not_answered_with_newer(page: Asker, watched: Watched) -> None:
    id = restored(watched, "Mix.wav", mix(SHORT_S))
    sides = sights(page, watched, id)["sides"]
    assert isinstance(sides, dict)
    os.utime(watched.layout.at("Restored/Mix.wav"))
    assert page.ask(sides["after"]["sound"]).status == 404


def test_a_bounce_whose_files_are_gone_says_so(page: Asker, watched: Watched) -> None:
    id = restored(watched, "Mix.wav", mix(SHORT_S))
    watched.layout.at("Done/Mix.wav").unlink()
    watched.layout.at("Restored/Mix.wav").unlink()
    assert sights(page, watched, id) == {"state": "failed", "problem": "Its files are not in the folder any more."}
    assert page.ask(address(watched, id)).json()["files"] == {}


@pytest.mark.parametrize(
    ("place", "other", "sentence"),
    [
        ("Done/Mix.wav", "after", "The original is not in the folder any more."),
        ("Restored/Mix.wav", "before", "The result is not in the folder any more."),
    ],
)
def test_a_side_that_is_gone_is_named_by_the_other_and_where_it_was(
    page: Asker, watched: Watched, place: str, other: str, sentence: str
) -> None:
    id = restored(watched, "Mix.wav", mix(SHORT_S))
    before = sights(page, watched, id)["sides"]
    assert isinstance(before, dict)
    assert {side["gone"] for side in before.values()} == {""}
    watched.layout.at(place).unlink()
    sides = sights(page, watched, id)["sides"]
    assert isinstance(sides, dict)
    assert {side: told["gone"] for side, told in sides.items()} == {other: sentence}
    for side in before.values():
        answer = page.ask(side["sound"])
        assert (answer.status, answer.json()) == (404, {"error": sentence})


@pytest.mark.parametrize("title", ["original", "result"])
def test_a_side_that_is_another_one_now_is_not_called_gone(page: Asker, watched: Watched, title: str) -> None:
    id = restored(watched, "Mix.wav", mix(SHORT_S))
    if title == "original":
        os.utime(watched.layout.at("Done/Mix.wav"), (1, 1))
    else:
        (record,) = watched.layout.at("Restored").glob("*.json")
        record.write_text(record.read_text().replace('"input_sha256": "', '"input_sha256": "0'))
    sides = sights(page, watched, id)["sides"]
    assert isinstance(sides, dict)
    assert {side["gone"] for side in sides.values()} == {f"The {title} was changed or replaced since."}


def test_a_download_has_the_name_of_the_file(page: Asker, watched: Watched) -> None:
    id = restored(watched, 'Mix "é" <script>.wav', mix(SHORT_S))
    answer = page.ask(f"{address(watched, id)}/file/after")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename*=UTF-8''Mix%20%22%C3%A9%22%20%3Cscript%3E.wav"
    )
    assert answer.body == watched.layout.at('Restored/Mix "é" <script>.wav').read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_a_name_that_is_no_text_is_shown_heard_and_retried(page: Asker, watched: Watched) -> None:
    name = os.fsdecode(b"Mix \xff.wav")
    id = restored(watched, name, mix(SHORT_S))
    other = failed(watched, os.fsdecode(b"Bad \xfe.wav"))
    assert page.ask(address(watched, id)).json()["name"] == "Mix \\udcff.wav"
    assert sights(page, watched, id)["state"] == "ready"
    assert page.ask(f"{address(watched, id)}/file/after").status == 200
    assert page.post(f"{address(watched, other)}/retry", {"preset": None}).status == 200


def test_a_failure_is_retried_and_the_service_is_woken(page: Asker, watched: Watched) -> None:
    id = failed(watched, "Mix.wav")
    assert page.post(f"{address(watched, id)}/retry", {"preset": None}).json() == {"ok": True}
    assert state_of(watched, id) is State.QUEUED
    assert page.woken == ["woken"]
    again = page.post(f"{address(watched, id)}/retry", {"preset": None})
    assert (again.status, again.json()) == (409, {"error": "It has not failed."})
    assert page.woken == ["woken"]


def test_a_failure_is_retried_with_another_preset(page: Asker, watched: Watched) -> None:
    id = failed(watched, "Mix.wav")
    assert page.post(f"{address(watched, id)}/retry", {"preset": "bypass"}).status == 200
    with Ledger(watched.layout.ledger) as ledger:
        bounce = ledger.bounce(id)
        assert bounce is not None
        assert (bounce.state, bounce.preset) == (State.QUEUED, "bypass")


def test_a_result_is_made_again_with_another_preset(page: Asker, watched: Watched) -> None:
    id = restored(watched, "Mix.wav", mix(SHORT_S))
    assert page.post(f"{address(watched, id)}/rerun", {"preset": "bypass"}).status == 200
    assert state_of(watched, id) is State.DONE
    with Ledger(watched.layout.ledger) as ledger:
        queued = unfinished_at(ledger, "Mix.wav")
        assert queued is not None
        assert (queued.state, queued.preset, queued.source) == (State.QUEUED, "bypass", "Done/Mix.wav")
    again = page.post(f"{address(watched, id)}/rerun", {"preset": "auto"})
    assert (again.status, "newer bounce" in again.json()["error"]) == (409, True)


@pytest.mark.parametrize(
    "asked", [{"preset": "no-such"}, {"preset": "../five-stage"}, {"preset": 3}, {}, [], "x", None]
)
def test_only_a_preset_that_there_is_can_be_asked_for(page: Asker, watched: Watched, asked: object) -> None:
    id = restored(watched, "Mix.wav", mix(SHORT_S))
    assert page.post(f"{address(watched, id)}/rerun", asked).status == 400
    with Ledger(watched.layout.ledger) as ledger:
        assert unfinished_at(ledger, "Mix.wav") is None


def test_what_is_no_json_is_refused(page: Asker, watched: Watched) -> None:
    headers = {"Origin": f"http://{page.host}", "X-Rebounce": "1", "Content-Type": "application/json"}
    for body in (b"{", b"\xff", b""):
        assert page.ask(f"{address(watched, 1)}/retry", headers, method="POST", body=body).status == 400


def test_what_is_malformed_is_refused_in_a_sentence_and_is_no_fault_of_ours(page: Asker, watched: Watched) -> None:
    many = "9" * 5000
    for path in (f"/bounces/{key_of(watched)}/{many}", f"/bounces/{key_of(watched)}/{many}/sights"):
        answer = page.ask(path)
        assert (answer.status, answer.json()["error"]) == (404, "There is no such bounce here any more.")
    own = OWN | {"Origin": f"http://{page.host}"}
    for body in (b"[" * 4000, b'{"preset":' * 400, b"9" * 4000):
        answer = page.ask(f"{address(watched, 1)}/retry", own, method="POST", body=body)
        assert (answer.status, "Expected" in answer.json()["error"]) == (400, True)
    assert page.ask(f"/bounces/{key_of(watched)}/%D9%A1").status == 404
    assert page.ask(address(watched, 1), own | {"Content-Length": many}, method="POST").status in (400, 413)
    assert page.said == []


def test_a_range_that_is_none_is_refused_or_passed_over(page: Asker, watched: Watched) -> None:
    id = restored(watched, "Mix.wav", mix(SHORT_S))
    path = f"{address(watched, id)}/file/after"
    for wanted in ("bytes=-", "bytes=9-1", "bytes=x-y", f"bytes={'9' * 5000}-", "bytes=" + "0-1," * 500, "lines=1-2"):
        assert page.ask(path, {"Range": wanted}).status in (200, 206, 400, 416)
    assert page.said == []


def test_a_fault_of_ours_is_said_by_the_service_and_not_to_who_asks(
    watched: Watched, capfd: pytest.CaptureFixture[str]
) -> None:
    id = failed(watched, "Mix.wav")
    with page_of(watched, wake=broken) as page:
        answer = page.post(f"{address(watched, id)}/retry", {"preset": None})
        told = {"error": "Something went wrong; the log of the service says what."}
        assert (answer.status, answer.json()) == (500, told)
        assert page.ask("/").status == 200
    (sentence,) = [line for level, line in page.said if level == "error"]
    assert sentence.startswith(
        f"the page could not answer '{address(watched, id)}/retry': RuntimeError: never thought of"
    )
    assert ("debug", "Traceback (most recent call last):") in page.said
    assert capfd.readouterr().err == ""


def test_presets_that_cannot_be_listed_leave_that_of_the_folder(watched: Watched) -> None:
    id = restored(watched, "Mix.wav", mix(SHORT_S))
    with page_of(watched, presets=broken) as page:
        assert page.ask(address(watched, id)).json()["presets"] == [["five-stage", "five-stage"]]
        assert page.post(f"{address(watched, id)}/rerun", {"preset": "bypass"}).status == 400
        assert page.post(f"{address(watched, id)}/rerun", {"preset": "five-stage"}).status == 200
    assert any("the presets cannot be listed" in line for _, line in page.said)


def test_a_bounce_can_be_run_again_with_the_chain_file_of_its_folder(tmp_path: Path) -> None:
    chain = tmp_path / "Loud.toml"
    chain.write_text('[[chain]]\nplugin = "Finish"\n', encoding="utf-8")
    watched = folder_at(tmp_path / "Bounces", str(chain))
    id = restored(watched, "Mix.wav", mix(SHORT_S))
    with page_of(watched) as page:
        told = page.ask(address(watched, id)).json()
        assert told["presets"] == [*([name, name] for name in PRESETS), [str(chain), "Loud"]]
        assert page.post(f"{address(watched, id)}/rerun", {"preset": "Loud"}).status == 400
        assert page.post(f"{address(watched, id)}/rerun", {"preset": str(chain)}).status == 200


def test_all_failures_are_retried_with_one_wish(page: Asker, watched: Watched) -> None:
    ids = [failed(watched, f"{number}.wav") for number in range(3)]
    done = restored(watched, "Mix.wav", mix(SHORT_S))
    path = f"/folders/{key_of(watched)}/retry"
    assert page.ask(path).status == 405
    assert page.post(path, {}, {"Origin": "http://evil.example"}).status == 403
    assert page.post("/folders/nowhere/retry", {}).status == 404
    assert [state_of(watched, id) for id in ids] == [State.FAILED] * 3
    assert page.post(path, {}).json() == {"retried": 3}
    assert [state_of(watched, id) for id in ids] == [State.QUEUED] * 3
    assert state_of(watched, done) is State.DONE
    assert page.woken == ["woken"]
    assert page.post(path, {}).json() == {"retried": 0}
    assert page.woken == ["woken"]


def test_what_was_finished_earlier_is_told_from_any_moment_on(page: Asker, watched: Watched) -> None:
    first, second = restored(watched, "1.wav", mix(SHORT_S)), failed(watched, "2.wav")
    third = restored(watched, "3.wav", mix(SHORT_S))
    with Ledger(watched.layout.ledger) as ledger:
        at = {id: ledger.known(id).finished_at for id in (first, second, third)}
    path = f"/folders/{key_of(watched)}/older"

    def told(id: int, more: str = "") -> list[int]:
        return [row["id"] for row in page.ask(f"{path}?at={at[id]}&id={id}{more}").json()["finished"]]

    assert told(third) == [second, first]
    assert told(third, "&state=done") == [first]
    assert told(third, "&state=failed") == [second]
    assert told(first) == []
    for asked in ("", "?at=nan&id=1", "?at=inf&id=1", "?at=1", f"?at=1&id={'9' * 5000}", "?at=1&id=1&state=queued"):
        assert page.ask(f"{path}{asked}").status == 400
    assert page.ask("/folders/nowhere/older?at=1&id=1").status == 404


def test_nothing_between_gathers_what_a_stream_says(page: Asker) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
    connection.request("GET", "/events")
    assert connection.getresponse().headers["X-Accel-Buffering"] == "no"
    connection.close()


def test_an_original_that_is_gone_is_not_queued(page: Asker, watched: Watched) -> None:
    done, bad = restored(watched, "Mix.wav", mix(SHORT_S)), failed(watched, "Bad.wav")
    watched.layout.at("Done/Mix.wav").unlink()
    watched.layout.at("Errors/Bad.wav").unlink()
    for path, preset in ((f"{address(watched, done)}/rerun", "bypass"), (f"{address(watched, bad)}/retry", None)):
        answer = page.post(path, {"preset": preset})
        assert (answer.status, "drop it into the folder again" in answer.json()["error"]) == (409, True)


def test_health_counts_and_says_when_the_service_is_not_well(watched: Watched) -> None:
    failed(watched, "Mix.wav")
    with page_of(watched) as page:
        told = page.ask("/health").json()
        assert (told["ok"], told["folders"], told["out_of_reach"], told["counts"]["failed"]) == (True, 1, 0, 1)
    with page_of(watched, is_well=False) as page:
        answer = page.ask("/health")
        assert (answer.status, answer.json()["ok"]) == (503, False)


def test_a_folder_out_of_reach_is_said_and_not_made(tmp_path: Path) -> None:
    watched = folder_at(tmp_path / "Share")
    (tmp_path / "Share").rename(tmp_path / "away")
    with page_of(watched) as page:
        assert page.ask("/health").json()["out_of_reach"] == 1
        answer = page.ask(address(watched, 1))
        assert (answer.status, "out of reach" in answer.json()["error"]) == (503, True)
    assert not (tmp_path / "Share").exists()

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from bouncing import HALF, NOT_AUDIO, Serving, discovered, tiny, unfinished_at, watch_folder

from rebounce.engine.errors import DiskFull, StillWritten
from rebounce.engine.history import sha256_of
from rebounce.watchers.bounce import Bounce, State
from rebounce.watchers.failure_kinds import wait_s
from rebounce.watchers.folder_tree import AWAY
from rebounce.watchers.prepared import Prepared
from rebounce.watchers.repair import LOST, Bench, Outcome, Progress, work_on
from rebounce.watchers.side_files import read_record, record_of

Make = Callable[..., Serving]
PATH = "Album/Mix.wav"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Folders with any settings; `half` is a chain file that halves."""
    made: list[Serving] = []

    def serve(preset: str = "bypass", **settings: Any) -> Serving:
        chain = tmp_path / "half.toml"
        chain.write_text(HALF, encoding="utf-8")
        folder = watch_folder(tmp_path / f"Bounces {len(made)}", str(chain) if preset == "half" else preset, **settings)
        made.append(Serving(folder))
        return made[-1]

    yield serve
    for serving in made:
        serving.close()


def start(serving: Serving, path: str = PATH, content: bytes | None = None) -> Bounce:
    bounce = discovered(serving, path, tiny(1) if content is None else content)
    assert serving.ledger.start(bounce.id, serving.owner, serving.owner)
    return serving.ledger.known(bounce.id)


def work(
    serving: Serving,
    bounce: Bounce,
    *,
    prepare: Callable[[Bounce], Prepared] | None = None,
    on_progress: Progress = lambda fraction: None,
) -> Outcome:
    bench = Bench(folder=serving.folder, layout=serving.layout, ledger=serving.ledger, on_progress=on_progress)
    return work_on(bench, bounce.id, prepare or (lambda asked: serving.presets.get(serving.folder, asked.preset)))


def failing(problem: BaseException) -> Callable[[Bounce], Prepared]:
    def prepare(bounce: Bounce) -> Prepared:
        raise problem

    return prepare


# -- what is made


def test_a_file_with_nothing_wrong_comes_back_byte_for_byte(make: Make) -> None:
    serving = make()
    bounce = start(serving)
    outcome = work(serving, bounce)
    assert (outcome.state, outcome.reason) == (State.UNCHANGED, None)
    files = serving.files()
    assert files["Restored/Album/Mix.wav"] == files["Done/Album/Mix.wav"] == tiny(1)
    assert set(files) == {"Restored/Album/Mix.wav", "Done/Album/Mix.wav", "Restored/Album/Mix.json"}


def test_a_restored_file_lies_beside_its_record(make: Make) -> None:
    serving = make("half")
    bounce = start(serving)
    outcome = work(serving, bounce)
    assert outcome.state == State.DONE
    files = serving.files()
    assert files["Restored/Album/Mix.wav"] != files["Done/Album/Mix.wav"] == tiny(1)
    record = read_record(serving.layout.at("Restored/Album/Mix.json"))
    done = serving.ledger.known(bounce.id)
    assert record == done.record
    assert record is not None
    assert (record["status"], record["error"], record["preset_hash"]) == ("restored", None, done.preset_hash)
    assert record["input"] == str(serving.layout.at(PATH))
    assert record["output"] == str(serving.layout.at("Restored/Album/Mix.wav"))
    assert record["input_sha256"] == done.content_sha256 == sha256_of(serving.layout.at("Done/Album/Mix.wav"))
    assert done.result_sha256 == sha256_of(serving.layout.at("Restored/Album/Mix.wav"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_results_and_records_have_the_mode_of_the_bounce(make: Make) -> None:
    serving = make("half")
    bounce = start(serving)
    serving.layout.at(PATH).chmod(0o640)
    work(serving, bounce)
    for path in ("Restored/Album/Mix.wav", "Restored/Album/Mix.json", "Done/Album/Mix.wav"):
        assert stat.S_IMODE(serving.layout.at(path).stat().st_mode) == 0o640, path


def test_a_chain_is_saved_where_it_is_asked_for(make: Make) -> None:
    serving = make("half", saves_chain=True)
    work(serving, start(serving))
    chain = serving.presets.get(serving.folder).board.to_dict()
    assert serving.files()["Restored/Album/Mix.chain.toml"] == tomli_w.dumps(chain).encode()
    record = read_record(serving.layout.at("Restored/Album/Mix.json"))
    assert record is not None
    assert f"the chain is in {serving.layout.at('Restored/Album/Mix.chain.toml')}" in record["messages"]


def test_another_format_is_another_suffix(make: Make) -> None:
    serving = make("half", file_format="flac")
    work(serving, start(serving))
    files = serving.files()
    assert files["Restored/Album/Mix.flac"][:4] == b"fLaC"
    assert record_of(serving.layout, "Restored/Album/Mix.flac").is_own


def test_progress_is_told_to_its_end(make: Make) -> None:
    serving = make("half")
    heard: list[float] = []
    work(serving, start(serving), on_progress=heard.append)
    assert heard == sorted(heard)
    assert all(0 <= fraction <= 1 for fraction in heard)


def test_the_preset_asked_for_a_bounce_counts(make: Make) -> None:
    serving = make("half")
    first = start(serving)
    work(serving, first)
    assert serving.ledger.rerun(first.id, "bypass")
    active = unfinished_at(serving.ledger, PATH)
    assert active is not None
    assert serving.ledger.start(active.id, serving.owner, serving.owner)
    assert work(serving, active).state == State.UNCHANGED
    files = serving.files()
    assert files["Restored/Album/Mix.wav"] == tiny(1) == files["Done/Album/Mix.wav"]
    assert "Restored/Album/Mix (1).wav" in files


# -- the same content under another name


def test_the_same_content_under_another_name_is_delivered_and_not_computed(make: Make) -> None:
    serving = make("half")
    work(serving, start(serving))
    heard: list[float] = []
    second = start(serving, "Other.wav")
    outcome = work(serving, second, on_progress=heard.append)
    assert (outcome.state, heard) == (State.DONE, [])
    files = serving.files()
    assert files["Restored/Other.wav"] == files["Restored/Album/Mix.wav"]
    assert files["Done/Other.wav"] == tiny(1)
    record = read_record(serving.layout.at("Restored/Other.json"))
    assert record is not None
    assert record["messages"] == [f"the same content as {PATH}, whose result was copied"]
    assert (record["input"], record["output"]) == (
        str(serving.layout.at("Other.wav")),
        str(serving.layout.at("Restored/Other.wav")),
    )
    third = start(serving, "Third.wav")
    work(serving, third)
    record = read_record(serving.layout.at("Restored/Third.json"))
    assert record is not None
    assert record["messages"] == ["the same content as Other.wav, whose result was copied"]


def test_a_result_that_was_changed_or_taken_away_is_not_copied(make: Make) -> None:
    for spoil in (os.unlink, lambda path: path.write_bytes(b"somebody's work")):
        serving = make("half")
        work(serving, start(serving))
        spoil(serving.layout.at("Restored/Album/Mix.wav"))
        heard: list[float] = []
        work(serving, start(serving, "Other.wav"), on_progress=heard.append)
        assert heard != []
        assert serving.files()["Restored/Other.wav"] not in (tiny(1), b"somebody's work")


def test_of_the_same_content_one_is_computed_and_the_other_waits_for_it(make: Make) -> None:
    serving = make("half")
    first, second = start(serving), start(serving, "Other.wav")
    outcomes: list[Outcome] = []

    def meanwhile(fraction: float) -> None:
        if not outcomes:
            outcomes.append(work(serving, second))
            assert serving.ledger.next_due() == []

    assert work(serving, first, on_progress=meanwhile).state == State.DONE
    assert outcomes[0].state == State.QUEUED
    assert outcomes[0].reason == f"the same content as {PATH}, which is worked on; its result is copied then"
    assert [bounce.id for bounce in serving.ledger.next_due()] == [second.id]
    assert serving.ledger.start(second.id, serving.owner, serving.owner)
    heard: list[float] = []
    assert work(serving, second, on_progress=heard.append).state == State.DONE
    assert heard == []
    assert serving.files()["Restored/Other.wav"] == serving.files()["Restored/Album/Mix.wav"]


def test_the_chain_is_copied_too_unless_it_was_changed(make: Make) -> None:
    serving = make("half", saves_chain=True)
    work(serving, start(serving))
    chain = serving.layout.at("Restored/Album/Mix.chain.toml")
    heard: list[float] = []
    work(serving, start(serving, "Other.wav"), on_progress=heard.append)
    assert heard == []
    assert serving.files()["Restored/Other.chain.toml"] == chain.read_bytes()
    record = read_record(serving.layout.at("Restored/Other.json"))
    assert record is not None
    assert record["messages"][-1] == f"the chain is in {serving.layout.at('Restored/Other.chain.toml')}"
    assert len(record["messages"]) == 2
    for name in ("Album/Mix", "Other"):
        serving.layout.at(f"Restored/{name}.chain.toml").write_text("# a note\n", encoding="utf-8")
    work(serving, start(serving, "Third.wav"), on_progress=heard.append)
    assert heard != []


def test_of_another_kind_of_file_nothing_is_copied(make: Make) -> None:
    serving = make("half")
    work(serving, start(serving))
    heard: list[float] = []
    work(serving, start(serving, "Other.bwf"), on_progress=heard.append)
    assert heard != []


# -- what may go wrong


def test_what_is_no_audio_fails_with_a_sentence(make: Make) -> None:
    serving = make()
    bounce = start(serving, content=NOT_AUDIO)
    outcome = work(serving, bounce)
    assert outcome.state == State.FAILED
    assert set(serving.files()) == {"Errors/Album/Mix.wav", "Errors/Album/Mix.txt"}
    text = serving.files()["Errors/Album/Mix.txt"].decode()
    assert text == f"Mix.wav: {outcome.reason}\n"
    assert str(serving.layout.root) not in text
    assert outcome.record is not None
    assert outcome.record["status"] == "error"


def test_what_may_pass_is_tried_again_later_each_time_later_and_not_for_ever(make: Make) -> None:
    serving = make(retries=2)
    bounce = start(serving)
    busy = OSError(errno.EBUSY, "busy")
    for tries in range(2):
        outcome = work(serving, bounce, prepare=failing(busy))
        waiting = serving.ledger.known(bounce.id)
        assert (outcome.state, waiting.state, waiting.tries) == (State.QUEUED, State.QUEUED, tries + 1)
        assert waiting.due_at > 1e9
        assert wait_s(tries) < wait_s(tries + 1)
        assert serving.ledger.start(bounce.id, serving.owner, serving.owner)
    assert work(serving, bounce, prepare=failing(busy)).state == State.FAILED
    assert "busy" in serving.files()["Errors/Album/Mix.txt"].decode()


def test_a_full_disk_parks_the_bounce_and_keeps_no_part_on_it(make: Make) -> None:
    serving = make()
    bounce = start(serving)
    outcome = work(serving, bounce, prepare=failing(DiskFull("the disk is full")))
    assert (outcome.state, serving.ledger.known(bounce.id).state) == (State.PARKED, State.PARKED)
    assert set(serving.files()) == {PATH}


def test_a_stop_parks_the_bounce(make: Make) -> None:
    serving = make("half")
    bounce = start(serving)

    def stop(fraction: float) -> None:
        raise KeyboardInterrupt

    assert work(serving, bounce, on_progress=stop).state == State.PARKED
    assert serving.ledger.known(bounce.id).state is State.PARKED
    assert set(serving.files()) == {PATH}


def test_a_file_that_is_written_to_while_it_is_worked_on_is_waited_for_again(make: Make) -> None:
    serving = make("half")
    bounce = start(serving)

    def write(fraction: float) -> None:
        serving.drop(PATH, tiny(2))

    outcome = work(serving, bounce, on_progress=write)
    assert (outcome.state, serving.ledger.known(bounce.id).state) == (State.SETTLING, State.SETTLING)
    assert serving.files() == {PATH: tiny(2)}


def test_an_original_that_lies_elsewhere_and_is_still_written_is_tried_again(make: Make) -> None:
    serving = make()
    bounce = start(serving, content=NOT_AUDIO)
    work(serving, bounce)
    assert serving.ledger.retry(bounce.id)
    assert serving.ledger.start(bounce.id, serving.owner, serving.owner)
    work(serving, bounce, prepare=failing(StillWritten("it grows")))
    again = serving.ledger.known(bounce.id)
    assert (again.state, again.source) == (State.QUEUED, "Errors/Album/Mix.wav")


def test_a_file_that_is_gone_before_it_was_read_is_forgotten(make: Make) -> None:
    serving = make()
    bounce = start(serving)
    serving.layout.at(PATH).unlink()
    assert work(serving, bounce).state == LOST
    assert serving.ledger.bounce(bounce.id) is None
    assert serving.files() == {}


def test_where_no_folder_can_be_made_nothing_is_put_in_its_place(make: Make) -> None:
    serving = make("half")
    bounce = start(serving)
    serving.layout.at("Restored").write_bytes(b"in the way")
    assert work(serving, bounce).state == State.FAILED
    files = serving.files()
    assert set(files) == {"Restored", "Errors/Album/Mix.wav", "Errors/Album/Mix.txt"}
    assert files["Restored"] == b"in the way"


@pytest.mark.parametrize("content", [None, tiny(2)], ids=["deleted", "replaced"])
def test_a_result_that_lies_ready_is_delivered_whatever_becomes_of_the_file(make: Make, content: bytes | None) -> None:
    serving = make("half")
    bounce = start(serving)
    serving.layout.at("Done").write_bytes(b"in the way")
    assert work(serving, bounce).state == State.QUEUED
    serving.layout.at("Done").unlink()
    serving.layout.at(PATH).unlink()
    if content is not None:
        serving.drop(PATH, content)
    assert serving.ledger.start(bounce.id, serving.owner, serving.owner)
    assert work(serving, bounce).state == State.DONE
    assert {path: data for path, data in serving.files().items() if not path.startswith("Restored/")} == (
        {} if content is None else {PATH: content}
    )
    assert record_of(serving.layout, "Restored/Album/Mix.wav").is_own


def test_what_nobody_thought_of_fails_with_a_plea(make: Make) -> None:
    serving = make()
    outcome = work(serving, start(serving), prepare=failing(ZeroDivisionError("by zero")))
    assert outcome.state == State.FAILED
    assert outcome.reason == "unexpected ZeroDivisionError: by zero; please report it"


def test_a_plan_whose_parts_are_gone_is_made_anew(make: Make) -> None:
    serving = make("half")
    bounce = start(serving)
    serving.layout.at("Done").write_bytes(b"in the way")
    assert work(serving, bounce).state == State.QUEUED
    planned = serving.ledger.known(bounce.id)
    assert planned.plan is not None
    for path in ("Restored/Album/Mix.wav", "Restored/Album/Mix.json"):
        serving.layout.at(path).unlink()
    assert serving.ledger.start(bounce.id, serving.owner, serving.owner)
    assert work(serving, bounce).state == State.QUEUED
    assert serving.ledger.known(bounce.id).plan is None
    serving.layout.at("Done").unlink()
    assert serving.ledger.start(bounce.id, serving.owner, serving.owner)
    assert work(serving, bounce).state == State.DONE
    assert set(serving.files()) == {"Restored/Album/Mix.wav", "Restored/Album/Mix.json", "Done/Album/Mix.wav"}


def test_a_result_that_lies_ready_is_tried_to_be_delivered_for_ever(make: Make) -> None:
    serving = make(retries=0)
    bounce = start(serving)
    serving.layout.at("Done").write_bytes(b"in the way")
    for tries in range(3):
        outcome = work(serving, bounce)
        assert (outcome.state, serving.ledger.known(bounce.id).tries) == (State.QUEUED, tries + 1)
        assert serving.ledger.start(bounce.id, serving.owner, serving.owner)
    serving.layout.at("Done").unlink()
    assert work(serving, bounce).state == State.UNCHANGED


def test_while_the_folder_is_away_nothing_is_lost_and_nothing_is_written(make: Make) -> None:
    serving = make()
    bounce = start(serving)
    serving.layout.mark.unlink()
    serving.layout.at(PATH).unlink()
    outcome = work(serving, bounce)
    waiting = serving.ledger.known(bounce.id)
    assert (outcome.state, outcome.reason, waiting.state, waiting.tries) == (State.QUEUED, AWAY, State.QUEUED, 0)
    assert serving.files() == {}


def test_only_what_is_running_is_worked_on(make: Make) -> None:
    serving = make()
    bounce = discovered(serving, PATH, tiny(1))
    with pytest.raises(AssertionError):
        work(serving, bounce)
    assert replace(bounce) == serving.ledger.known(bounce.id)


# -- presets that cannot be used, sentences that are over, long names


def test_a_preset_that_cannot_be_used_is_waited_for_and_fails_no_bounce(make: Make) -> None:
    serving = make("half")
    bounce = start(serving)
    chain = Path(serving.folder.preset)
    chain.write_text("this is no cha", encoding="utf-8")
    outcome = work(serving, bounce)
    assert outcome.state == State.PARKED == serving.ledger.known(bounce.id).state
    assert outcome.reason is not None
    assert outcome.reason.startswith(f"the preset of the folder cannot be used: {chain}: not valid TOML")
    assert not list(serving.layout.root.glob("Errors/**/*.wav"))
    chain.write_text(HALF, encoding="utf-8")
    serving.ledger.unpark()
    assert serving.ledger.start(bounce.id, serving.owner, serving.owner)
    assert work(serving, bounce).state == State.DONE


def test_a_preset_that_was_asked_for_one_bounce_fails_that_one(make: Make, tmp_path: Path) -> None:
    serving = make()
    first = start(serving)
    work(serving, first)
    assert serving.ledger.rerun(first.id, str(tmp_path / "none.toml"))
    active = unfinished_at(serving.ledger, PATH)
    assert active is not None
    assert serving.ledger.start(active.id, serving.owner, serving.owner)
    assert work(serving, active).state == State.FAILED


def test_the_sentence_about_a_failure_goes_when_its_file_was_put_back_by_hand(make: Make) -> None:
    serving = make()
    work(serving, start(serving, content=NOT_AUDIO))
    assert serving.layout.at("Errors/Album/Mix.txt").exists()
    serving.layout.at("Errors/Album/Mix.wav").unlink()
    work(serving, start(serving))
    assert not serving.layout.at("Errors/Album/Mix.txt").exists()


def test_the_sentence_about_a_failure_goes_with_its_file(make: Make) -> None:
    serving = make(originals="keep")
    bounce = start(serving, content=NOT_AUDIO)
    work(serving, bounce)
    assert serving.layout.at("Errors/Album/Mix.txt").exists()
    serving.layout.at(PATH).unlink()
    assert serving.ledger.retry(bounce.id)
    assert serving.ledger.start(bounce.id, serving.owner, serving.owner)
    assert work(serving, bounce).state == LOST
    assert not serving.layout.at("Errors/Album/Mix.txt").exists()


def test_the_sentence_about_a_failure_that_still_lies_there_stays(make: Make) -> None:
    serving = make()
    work(serving, start(serving, content=NOT_AUDIO))
    work(serving, start(serving))
    assert serving.layout.at("Errors/Album/Mix.txt").exists()


@pytest.mark.parametrize("letter", ["x", "\u00e9"])
def test_a_name_as_long_as_can_be_is_shortened_where_it_gets_a_longer_end(make: Make, letter: str) -> None:
    serving = make("half", file_format="flac", saves_chain=True)
    stem = letter * (251 // len(letter.encode()))
    path = f"{stem}.wav"
    assert work(serving, start(serving, path)).state == State.DONE
    names = sorted(place.name for place in serving.layout.at("Restored").iterdir())
    assert len(names) == 3
    assert all(len(os.fsencode(name)) in (254, 255) and name.startswith(stem[:100]) for name in names)
    assert {name[-5:] for name in names} == {".flac", ".json", ".toml"}
    again = start(serving, path)
    assert work(serving, again).state == State.DONE
    assert sorted(place.name for place in serving.layout.at("Restored").iterdir()) == names


def test_a_bounce_in_the_place_of_the_original_is_no_copy_of_it(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes while the original of old, which has the same content as the one that is moved, is read."""
    serving = make()
    first = start(serving)
    work(serving, first)
    second = start(serving)
    place = serving.layout.at(PATH)

    def bounce_anew(path: Path) -> str:
        digest = sha256_of(path)
        if path == serving.layout.at(f"Done/{PATH}") and place.exists():
            place.write_bytes(tiny(9))
        return digest

    monkeypatch.setattr("rebounce.watchers.delivery.sha256_of", bounce_anew)
    work(serving, second)
    assert place.read_bytes() == tiny(9)

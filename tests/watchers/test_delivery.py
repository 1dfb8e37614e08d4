import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bouncing import NOT_AUDIO, Serving, discovered, tiny, watch_folder
from mounting import make_read_only, mount_again, mount_memory, own_mounts

from rebounce.engine.errors import DiskFull, OutputError
from rebounce.engine.history import sha256_of
from rebounce.watchers.bounce import Bounce, Stamp, State, stamp_of
from rebounce.watchers.delivery import (
    Vanished,
    deliver,
    finish,
    move_original,
    publish,
    remove,
    set_aside,
    stage_text,
)
from rebounce.watchers.delivery_plan import Move, Plan
from rebounce.watchers.layout import Layout
from rebounce.watchers.planning import Ready, new_parts, plan_failure, plan_success
from rebounce.watchers.renaming import give_name
from rebounce.watchers.side_files import RECORD, TEXT, failure_text, read_record, record_of, record_text

MOVE = Move(source="Mix.wav", target="Done/Mix.wav")


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(watch_folder(tmp_path / "Bounces"))
    yield serving
    serving.close()


@pytest.fixture
def layout(serving: Serving) -> Layout:
    for room in ("Restored", "Done", "Errors"):
        serving.layout.at(room).mkdir()
    return serving.layout


def stamp(path: Path) -> Stamp:
    return stamp_of(path.stat())


def started(serving: Serving, path: str, content: bytes) -> Bounce:
    bounce = discovered(serving, path, content)
    assert serving.ledger.start(bounce.id, serving.owner, serving.owner)
    digest = sha256_of(serving.layout.at(path))
    serving.ledger.identify(bounce, digest, "hash", bounce.stamp)
    return serving.ledger.known(bounce.id)


def planned(serving: Serving, bounce: Bounce, place: str, result: bytes) -> Plan:
    """A result that lies staged, and the plan for it in the ledger."""
    layout = serving.layout
    ready = Ready(parts=new_parts(), result=place)
    source = layout.at(bounce.source)
    layout.at(ready.parts.of(place)).parent.mkdir(parents=True, exist_ok=True)
    layout.at(ready.parts.of(place)).write_bytes(result)
    record = {"input_sha256": bounce.content_sha256, "output": str(layout.at(place)), "status": "restored"}
    stage_text(layout, ready.record_part, record_text(record), source)
    plan = plan_success(layout, bounce, State.DONE, stamp(source), ready, moves_original=True)
    serving.ledger.plan(bounce.id, plan.to_dict(), record, place, None)
    return plan


def lying(serving: Serving) -> dict[str, bytes]:
    return {path: content for path, content in serving.files().items() if not path.endswith((RECORD, TEXT))}


# -- the whole of a plan


def test_a_result_its_record_and_its_original_get_their_places(serving: Serving) -> None:
    bounce = started(serving, "Album/Mix.wav", tiny(1))
    plan = planned(serving, bounce, "Restored/Album/Mix.wav", b"result")
    finish(serving.layout, serving.ledger, bounce.id, plan, is_told=True)
    assert lying(serving) == {"Restored/Album/Mix.wav": b"result", "Done/Album/Mix.wav": tiny(1)}
    assert record_of(serving.layout, "Restored/Album/Mix.wav").is_own
    done = serving.ledger.known(bounce.id)
    assert (done.state, done.source, done.plan) == (State.DONE, "Done/Album/Mix.wav", None)


def test_gone_through_again_a_plan_ends_the_same(serving: Serving) -> None:
    finish_first(serving)
    bounce = started(serving, "Mix.wav", tiny(2))
    plan = planned(serving, bounce, "Restored/Mix.wav", b"second")
    assert deliver(serving.layout, serving.ledger, bounce.id, plan) == "Done/Mix.wav"
    files = serving.files()
    assert deliver(serving.layout, serving.ledger, bounce.id, plan.without_room()) == "Done/Mix.wav"
    assert serving.files() == files


def finish_first(serving: Serving) -> Bounce:
    bounce = started(serving, "Mix.wav", tiny(1))
    plan = planned(serving, bounce, "Restored/Mix.wav", b"first")
    finish(serving.layout, serving.ledger, bounce.id, plan, is_told=True)
    return bounce


def test_the_older_bounce_is_numbered_with_its_record_and_known_by_it(serving: Serving) -> None:
    first = finish_first(serving)
    second = started(serving, "Mix.wav", tiny(2))
    plan = planned(serving, second, "Restored/Mix.wav", b"second")
    finish(serving.layout, serving.ledger, second.id, plan, is_told=True)
    assert lying(serving) == {
        "Restored/Mix.wav": b"second",
        "Restored/Mix (1).wav": b"first",
        "Done/Mix.wav": tiny(2),
        "Done/Mix (1).wav": tiny(1),
    }
    older = record_of(serving.layout, "Restored/Mix (1).wav")
    record = read_record(serving.layout.at(older.path))
    assert record is not None
    assert (older.path, older.is_own) == ("Restored/Mix (1).json", True)
    assert record["input_sha256"] == first.content_sha256
    known = serving.ledger.known(first.id)
    assert (known.result, known.source) == ("Restored/Mix (1).wav", "Done/Mix (1).wav")


def test_two_results_of_one_stem_have_a_record_each(serving: Serving) -> None:
    bounces = []
    for number, path in enumerate(("Mix.wav", "Mix.bwf")):
        bounce = started(serving, path, tiny(number))
        plan = planned(serving, bounce, f"Restored/{path}", path.encode())
        finish(serving.layout, serving.ledger, bounce.id, plan, is_told=True)
        bounces.append(bounce)
    sides = [record_of(serving.layout, f"Restored/{bounce.path}") for bounce in bounces]
    assert [(side.path, side.is_own) for side in sides] == [
        ("Restored/Mix.json", True),
        ("Restored/Mix.bwf.json", True),
    ]
    records = [read_record(serving.layout.at(side.path)) for side in sides]
    assert [record and record["input_sha256"] for record in records] == [bounce.content_sha256 for bounce in bounces]


def test_a_number_that_was_taken_since_the_plan_is_passed_over(serving: Serving) -> None:
    first = finish_first(serving)
    second = started(serving, "Mix.wav", tiny(2))
    plan = planned(serving, second, "Restored/Mix.wav", b"second")
    for path in ("Restored/Mix (1).wav", "Restored/Mix (1).json", "Done/Mix (1).wav"):
        serving.layout.at(path).write_bytes(b"the user's own")
    finish(serving.layout, serving.ledger, second.id, plan, is_told=True)
    files = serving.files()
    assert [path for path, content in files.items() if content == b"the user's own"] != []
    known = serving.ledger.known(first.id)
    assert files[known.result or ""] == b"first"
    assert files[known.source] == tiny(1)
    assert record_of(serving.layout, known.result or "").is_own
    assert sum(content == b"the user's own" for content in files.values()) == 3


@pytest.mark.parametrize("gone", ["result", "record"])
def test_what_vanished_before_it_was_delivered_is_told_and_the_original_stays(serving: Serving, gone: str) -> None:
    bounce = started(serving, "Mix.wav", tiny(1))
    plan = planned(serving, bounce, "Restored/Mix.wav", b"result")
    serving.layout.at(plan.staged[0 if gone == "result" else 1]).unlink()
    with pytest.raises(Vanished, match=r"Mix\.wav"):
        deliver(serving.layout, serving.ledger, bounce.id, plan)
    assert serving.layout.at("Mix.wav").read_bytes() == tiny(1)


def test_a_failure_and_its_sentence_get_their_places(serving: Serving) -> None:
    for number, text in enumerate((b"Mix.wav: first\n", b"Mix.wav: second\n")):
        bounce = started(serving, "Mix.wav", NOT_AUDIO * (number + 1))
        serving.layout.at("Errors").mkdir(exist_ok=True)
        part = new_parts().of("Errors/Mix.wav.txt")
        stage_text(serving.layout, part, text, serving.layout.at("Mix.wav"))
        plan = plan_failure(serving.layout, bounce, bounce.stamp, part, moves_original=True)
        finish(serving.layout, serving.ledger, bounce.id, plan, is_told=True)
        assert serving.ledger.known(bounce.id).state is State.FAILED
    assert serving.files() == {
        "Errors/Mix.wav": NOT_AUDIO * 2,
        "Errors/Mix.txt": b"Mix.wav: second\n",
        "Errors/Mix (1).wav": NOT_AUDIO,
        "Errors/Mix (1).txt": b"Mix.wav: first\n",
    }


def test_a_failure_that_fails_again_has_its_last_sentence_and_no_other(serving: Serving, layout: Layout) -> None:
    bounce = replace(started(serving, "Mix.wav", NOT_AUDIO), source="Errors/Mix.wav")
    layout.at("Mix.wav").rename(layout.at("Errors/Mix.wav"))
    layout.at("Errors/Mix.txt").write_bytes(failure_text("Mix.wav", "as it was"))
    part = new_parts().of("Errors/Mix.wav.txt")
    stage_text(layout, part, failure_text("Mix.wav", "as it is"), layout.at("Errors/Mix.wav"))
    plan = plan_failure(layout, bounce, bounce.stamp, part, moves_original=True)
    for _ in range(2):
        deliver(layout, serving.ledger, bounce.id, plan)
        assert serving.files() == {"Errors/Mix.wav": NOT_AUDIO, "Errors/Mix.txt": b"Mix.wav: as it is\n"}


# -- publishing


def test_somebody_elses_file_of_the_name_is_numbered_and_never_replaced(layout: Layout) -> None:
    layout.at("Restored/part").write_bytes(b"ours")
    layout.at("Restored/Mix.wav").write_bytes(b"theirs")
    publish(layout, Move(source="Restored/part", target="Restored/Mix.wav"), "Mix.wav")
    assert layout.at("Restored/Mix.wav").read_bytes() == b"ours"
    assert layout.at("Restored/Mix (1).wav").read_bytes() == b"theirs"
    assert not layout.at("Restored/part").exists()


def test_killed_between_the_two_halves_of_a_renaming_it_is_ended(layout: Layout) -> None:
    """A name is given by a second link, and then the first is taken away."""
    layout.at("Restored/part").write_bytes(b"ours")
    os.link(layout.at("Restored/part"), layout.at("Restored/Mix.wav"))
    publish(layout, Move(source="Restored/part", target="Restored/Mix.wav"), "Mix.wav")
    assert os.listdir(layout.at("Restored")) == ["Mix.wav"]


def test_the_folder_of_a_result_is_made(layout: Layout) -> None:
    layout.at("Restored/part").write_bytes(b"ours")
    publish(layout, Move(source="Restored/part", target="Restored/A/B/Mix.wav"), "A/B/Mix.wav")
    assert layout.at("Restored/A/B/Mix.wav").read_bytes() == b"ours"


def test_a_file_where_a_folder_must_be_is_an_error_about_the_output(layout: Layout) -> None:
    layout.at("Restored/part").write_bytes(b"ours")
    layout.at("Restored/A").write_bytes(b"no folder")
    with pytest.raises(OutputError, match="cannot be written"):
        publish(layout, Move(source="Restored/part", target="Restored/A/Mix.wav"), "A/Mix.wav")
    assert layout.at("Restored/part").exists()


def test_a_name_is_given_and_nothing_replaced(tmp_path: Path) -> None:
    part, target = tmp_path / "part", tmp_path / "target"
    part.write_bytes(b"new")
    give_name(part, target)
    assert (target.read_bytes(), part.exists()) == (b"new", False)
    part.write_bytes(b"newer")
    with pytest.raises(FileExistsError):
        give_name(part, target)
    assert (target.read_bytes(), part.read_bytes()) == (b"new", b"newer")


# -- making room


def test_what_is_not_there_needs_no_room(layout: Layout) -> None:
    move = Move(source="Restored/Mix.wav", target="Restored/Mix (1).wav")
    set_aside(layout, move, Plan(outcome=State.DONE, stamp=Stamp(size=1, mtime_ns=1)))
    assert os.listdir(layout.at("Restored")) == []


def test_killed_between_the_two_halves_of_renaming_a_record_there_is_one_in_the_end(layout: Layout) -> None:
    moves = tuple(Move(source=f"Restored/Mix{end}", target=f"Restored/Mix (1){end}") for end in (".wav", ".json"))
    plan = Plan(outcome=State.DONE, stamp=Stamp(size=1, mtime_ns=1), set_aside=moves)
    old = record_text({"input_sha256": "c", "output": str(layout.at("Restored/Mix.wav"))})
    layout.at("Restored/Mix.json").write_bytes(old)
    set_aside(layout, moves[1], plan)
    layout.at("Restored/Mix.json").write_bytes(old)
    set_aside(layout, moves[1], plan)
    assert os.listdir(layout.at("Restored")) == ["Mix (1).json"]
    record = read_record(layout.at("Restored/Mix (1).json"))
    assert record == {"input_sha256": "c", "output": str(layout.at("Restored/Mix (1).wav"))}


def test_killed_while_room_was_made_the_rest_is_made_under_the_same_number(serving: Serving) -> None:
    first = finish_first(serving)
    second = started(serving, "Mix.wav", tiny(2))
    plan = planned(serving, second, "Restored/Mix.wav", b"second")
    os.link(serving.layout.at("Restored/Mix.wav"), serving.layout.at("Restored/Mix (1).wav"))
    record = read_record(serving.layout.at("Restored/Mix.json"))
    assert record is not None
    new = record | {"output": str(serving.layout.at("Restored/Mix (1).wav"))}
    serving.layout.at("Restored/Mix (1).json").write_bytes(record_text(new))
    finish(serving.layout, serving.ledger, second.id, plan, is_told=True)
    known = serving.ledger.known(first.id)
    assert (known.result, known.source) == ("Restored/Mix (1).wav", "Done/Mix (1).wav")
    assert set(serving.files()) == {
        f"{path}{end}" for path in ("Restored/Mix", "Restored/Mix (1)") for end in (".wav", ".json")
    } | {"Done/Mix.wav", "Done/Mix (1).wav"}
    assert record_of(serving.layout, "Restored/Mix (1).wav").is_own


# -- the original


def original(layout: Layout, content: bytes = b"original") -> Stamp:
    layout.at("Mix.wav").write_bytes(content)
    return stamp(layout.at("Mix.wav"))


def test_an_original_is_moved_with_its_time_and_is_the_very_file(layout: Layout) -> None:
    was = original(layout)
    number = layout.at("Mix.wav").stat().st_ino
    assert move_original(layout, MOVE, was, None)
    assert not layout.at("Mix.wav").exists()
    assert (stamp(layout.at("Done/Mix.wav")), layout.at("Done/Mix.wav").stat().st_ino) == (was, number)
    assert move_original(layout, MOVE, was, None)


def test_killed_between_the_two_halves_of_moving_an_original_it_is_ended(layout: Layout) -> None:
    was = original(layout)
    os.link(layout.at("Mix.wav"), layout.at("Done/Mix.wav"))
    assert move_original(layout, MOVE, was, None)
    assert not layout.at("Mix.wav").exists()
    assert layout.at("Done/Mix.wav").read_bytes() == b"original"


def test_what_was_written_meanwhile_is_a_bounce_of_its_own_and_stays(layout: Layout) -> None:
    was = original(layout)
    layout.at("Mix.wav").write_bytes(b"newer bounce")
    assert not move_original(layout, MOVE, was, None)
    assert layout.at("Mix.wav").read_bytes() == b"newer bounce"
    assert os.listdir(layout.at("Done")) == []


def test_a_bounce_that_came_after_a_kill_is_not_taken_for_the_original_that_was_moved(layout: Layout) -> None:
    was = original(layout)
    layout.at("Mix.wav").rename(layout.at("Done/Mix.wav"))
    layout.at("Mix.wav").write_bytes(b"newer bounce")
    assert move_original(layout, MOVE, was, None)
    assert layout.at("Mix.wav").read_bytes() == b"newer bounce"


def test_an_original_that_is_gone_is_not_there(layout: Layout) -> None:
    assert not move_original(layout, MOVE, Stamp(size=1, mtime_ns=1), None)


def test_the_same_content_is_there_once(layout: Layout) -> None:
    was = original(layout)
    layout.at("Done/Mix.wav").write_bytes(b"original")
    assert move_original(layout, MOVE, was, sha256_of(layout.at("Mix.wav")))
    assert not layout.at("Mix.wav").exists()
    assert os.listdir(layout.at("Done")) == ["Mix.wav"]


def test_another_file_that_came_to_its_place_is_numbered(layout: Layout) -> None:
    was = original(layout)
    layout.at("Done/Mix.wav").write_bytes(b"somebody's")
    assert move_original(layout, MOVE, was, sha256_of(layout.at("Mix.wav")))
    assert layout.at("Done/Mix.wav").read_bytes() == b"original"
    assert layout.at("Done/Mix (1).wav").read_bytes() == b"somebody's"


def test_what_macos_wrote_beside_an_original_goes_with_it(layout: Layout) -> None:
    was = original(layout)
    layout.at("._Mix.wav").write_bytes(b"fork")
    assert move_original(layout, MOVE, was, None)
    assert layout.at("Done/._Mix.wav").read_bytes() == b"fork"
    assert not layout.at("._Mix.wav").exists()


def test_a_file_without_permissions_is_moved_as_it_is(layout: Layout) -> None:
    layout.at("Mix.wav").write_bytes(b"original")
    layout.at("Mix.wav").chmod(0o440)
    assert move_original(layout, MOVE, stamp(layout.at("Mix.wav")), None)
    assert stat.S_IMODE(layout.at("Done/Mix.wav").stat().st_mode) == 0o440


def test_what_an_earlier_failure_left_is_removed_once_or_more(layout: Layout) -> None:
    layout.at("Errors/Mix.txt").touch()
    remove(layout, "Errors/Mix.txt")
    remove(layout, "Errors/Mix.txt")
    assert os.listdir(layout.at("Errors")) == []


def writing_at(monkeypatch: pytest.MonkeyPatch, deed: Callable[[Path], object]) -> None:
    """Somebody does it in the very moment in which a second name has been given."""
    link = os.link

    def linked(source: Path, target: Path) -> None:
        link(source, target)
        deed(source)

    monkeypatch.setattr(os, "link", linked)


def test_an_original_that_is_written_to_in_the_moment_in_which_it_is_moved_stays(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    was = original(layout)
    writing_at(monkeypatch, lambda source: source.write_bytes(b"more of it"))
    assert not move_original(layout, MOVE, was, None)
    assert layout.at("Mix.wav").read_bytes() == b"more of it"
    assert os.listdir(layout.at("Done")) == []


def test_an_original_that_is_replaced_in_the_moment_in_which_it_is_moved_is_moved_and_the_new_one_stays(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    was = original(layout)
    (layout.root / "new").write_bytes(b"the next bounce")
    writing_at(monkeypatch, lambda source: os.rename(layout.root / "new", source))
    assert move_original(layout, MOVE, was, None)
    assert layout.at("Mix.wav").read_bytes() == b"the next bounce"
    assert layout.at("Done/Mix.wav").read_bytes() == b"original"


def test_an_original_that_may_not_be_taken_away_lies_in_one_place_and_the_reason_is_told(layout: Layout) -> None:
    layout.at("Album").mkdir()
    was = original(layout)
    layout.at("Mix.wav").rename(layout.at("Album/Mix.wav"))
    with own_mounts():
        make_read_only(mount_again(layout.at("Album"), layout.at("Album")))
        with pytest.raises(OutputError, match="the original cannot be taken out of"):
            move_original(layout, Move(source="Album/Mix.wav", target="Done/Album/Mix.wav"), was, None)
        assert os.listdir(layout.at("Done/Album")) == []
        assert layout.at("Album/Mix.wav").read_bytes() == b"original"


# -- on another disk


@pytest.fixture
def other_disk(layout: Layout) -> Iterator[Layout]:
    """Done/ is a small disk of its own."""
    with own_mounts():
        mount_memory(layout.at("Done"), 4)
        assert layout.at("Done").stat().st_dev != layout.root.stat().st_dev
        yield layout


def test_an_original_goes_to_another_disk_whole_and_with_its_time(other_disk: Layout) -> None:
    was = original(other_disk)
    assert move_original(other_disk, Move(source="Mix.wav", target="Done/A/Mix.wav"), was, None)
    assert not other_disk.at("Mix.wav").exists()
    assert stamp(other_disk.at("Done/A/Mix.wav")) == was
    assert other_disk.at("Done/A/Mix.wav").read_bytes() == b"original"
    assert os.listdir(other_disk.at("Done/A")) == ["Mix.wav"]


def test_what_macos_wrote_beside_it_stays_where_it_cannot_go_along(other_disk: Layout) -> None:
    was = original(other_disk)
    other_disk.at("._Mix.wav").write_bytes(b"fork")
    assert move_original(other_disk, MOVE, was, None)
    assert other_disk.at("._Mix.wav").read_bytes() == b"fork"


def test_killed_before_the_old_name_was_taken_away_it_is_there_once(other_disk: Layout) -> None:
    was = original(other_disk)
    other_disk.at("Done/Mix.wav").write_bytes(b"original")
    assert move_original(other_disk, MOVE, was, sha256_of(other_disk.at("Mix.wav")))
    assert not other_disk.at("Mix.wav").exists()
    assert os.listdir(other_disk.at("Done")) == ["Mix.wav"]


def test_an_original_stays_while_the_other_disk_is_full(other_disk: Layout) -> None:
    was = original(other_disk)
    other_disk.at("Done/big").write_bytes(bytes(4_000_000))
    with pytest.raises(DiskFull):
        move_original(other_disk, MOVE, was, None)
    assert other_disk.at("Mix.wav").read_bytes() == b"original"
    assert os.listdir(other_disk.at("Done")) == ["big"]


# -- file systems without links, of which there is none at hand: the system call answers as theirs does


def refusing(code: int) -> Callable[..., None]:
    def link(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return link


@pytest.mark.parametrize("code", [errno.EPERM, errno.EMLINK, errno.ENOTSUP])
def test_without_links_names_are_given_by_renaming_and_nothing_is_replaced(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(os, "link", refusing(code))
    layout.at("Restored/part").write_bytes(b"ours")
    layout.at("Restored/Mix.wav").write_bytes(b"theirs")
    publish(layout, Move(source="Restored/part", target="Restored/Mix.wav"), "Mix.wav")
    assert layout.at("Restored/Mix.wav").read_bytes() == b"ours"
    assert layout.at("Restored/Mix (1).wav").read_bytes() == b"theirs"
    was = original(layout)
    assert move_original(layout, MOVE, was, None)
    assert layout.at("Done/Mix.wav").read_bytes() == b"original"
    assert not layout.at("Mix.wav").exists()


# -- staging


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_a_small_file_is_staged_whole_with_the_mode_of_the_original(layout: Layout) -> None:
    layout.at("Mix.wav").write_bytes(b"x")
    layout.at("Mix.wav").chmod(0o640)
    stage_text(layout, "Restored/part", b"text", layout.at("Mix.wav"))
    assert layout.at("Restored/part").read_bytes() == b"text"
    assert stat.S_IMODE(layout.at("Restored/part").stat().st_mode) == 0o640
    assert os.listdir(layout.at("Restored")) == ["part"]


def test_a_small_file_about_an_original_that_is_gone_is_staged_all_the_same(layout: Layout) -> None:
    stage_text(layout, "Restored/part", b"text", layout.at("gone.wav"))
    assert layout.at("Restored/part").read_bytes() == b"text"

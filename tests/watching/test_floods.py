"""Many bounces at once, and the ways in which files come, go, and come again."""

import os
import sys
from pathlib import Path

import pytest
from killing_service import HOLD, Deed
from watch_expectations import by_chain, delivered, faults
from watch_floods import flood
from watch_service import Ground, files_below, gain_chain, make_ground, tone_file

from rebounce.watchers.steps import AFTER, BEFORE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes as POSIX has them")

FIRST, SECOND, THIRD = tone_file(1), tone_file(2), tone_file(3)


def test_three_hundred_bounces_at_once(tmp_path: Path) -> None:
    assert flood(tmp_path, count=300) == []


def test_a_whole_tree_that_is_moved_in_at_once(tmp_path: Path) -> None:
    ground = make_ground(tmp_path / "ground")
    contents = {f"Artist/Album {n % 4}/Disc {n % 2}/{n}.wav": [tone_file(n, seconds=0.05)] for n in range(24)}
    for path, (content,) in contents.items():
        place = tmp_path / "outside" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    with ground.start() as service:
        service.wait_for_word("watching")
        (tmp_path / "outside/Artist").rename(ground.root / "Artist")
        service.wait_until(lambda: ground.count_finished() == len(contents))
        service.stop()
    assert faults(ground, delivered(contents)) == []


@pytest.mark.parametrize("jobs", [1, 4])
def test_the_same_content_under_many_names_is_computed_once_and_delivered_for_each(tmp_path: Path, jobs: int) -> None:
    ground = make_ground(tmp_path)
    chain = gain_chain(tmp_path)
    ground.configure(preset=str(chain), jobs=jobs)
    contents = {f"Take {number}.wav": [FIRST] for number in range(8)}
    for path in contents:
        ground.drop(path, FIRST)
    ground.finish()
    assert faults(ground, delivered(contents, by_chain(chain))) == []
    copied = [bounce for bounce in ground.bounces() if "the same content as" in str(bounce.record)]
    assert len(copied) == len(contents) - 1


def test_bounces_of_one_name_are_numbered_and_the_newest_has_the_plain_name(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    chain = gain_chain(tmp_path)
    ground.configure(preset=str(chain))
    takes = [tone_file(number) for number in range(4)]
    with ground.start() as service:
        for count, content in enumerate(takes, start=1):
            ground.drop("Mix.wav", content)
            service.wait_until(lambda count=count: ground.count_finished() == count)  # type: ignore[misc]
        service.stop()
    assert faults(ground, delivered({"Mix.wav": takes}, by_chain(chain))) == []


def test_the_very_same_bounce_again_changes_nothing(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    for _ in range(3):
        ground.drop("Mix.wav", FIRST)
        ground.finish()
    assert faults(ground, delivered({"Mix.wav": [FIRST]})) == []


def test_an_older_take_that_comes_again_is_the_newest_then(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    for content in (FIRST, SECOND, FIRST):
        ground.drop("Mix.wav", content)
        ground.finish()
    assert faults(ground, delivered({"Mix.wav": [FIRST, SECOND, FIRST]})) == []


# -- while it is worked on


def while_worked_on(ground: Ground, at: str, when: str, path: str, act: object) -> None:
    """Drop a bounce, and do something to the folder while the work on it stands still at a step."""
    go = ground.base / "go"
    ground.drop(path, FIRST)
    with ground.start(deeds=[Deed(at=at, when=when, what=HOLD, path=str(go))]) as service:
        service.wait_until(lambda: ground.undone() == [])
        act()  # type: ignore[operator]
        go.touch()
        service.wait_until(lambda: all(bounce.owner is None for bounce in ground.bounces()))
        service.wait_until(lambda: not any(name.endswith(".wav") for name in dropped(ground)))
        service.stop()
    ground.finish()


def dropped(ground: Ground) -> list[str]:
    """What still lies where it was dropped."""
    return [name for name in files_below(ground.root) if name.partition("/")[0] not in RESERVED]


RESERVED = ("Restored", "Done", "Errors", ".rebounce")
MOMENTS = [
    ("ledger.identify", BEFORE),
    ("delivery.restore", AFTER),
    ("delivery.publish", BEFORE),
    ("ledger.finish", AFTER),
]


@pytest.mark.parametrize(("at", "when"), MOMENTS)
def test_a_bounce_that_is_replaced_while_it_is_worked_on_is_delivered_as_it_is_in_the_end(
    tmp_path: Path, at: str, when: str
) -> None:
    ground = make_ground(tmp_path)
    while_worked_on(ground, at, when, "a.wav", lambda: ground.drop("a.wav", SECOND))
    is_too_late = at in ("delivery.publish", "ledger.finish")
    expected = delivered({"a.wav": [FIRST, SECOND] if is_too_late else [SECOND]})
    if at == "delivery.publish":
        del expected.originals["a (1).wav"]  # which was written over
    assert faults(ground, expected) == []


@pytest.mark.parametrize(("at", "when"), MOMENTS[:-1])
def test_a_bounce_that_is_renamed_while_it_is_worked_on_is_delivered_by_its_new_name(
    tmp_path: Path, at: str, when: str
) -> None:
    ground = make_ground(tmp_path)
    path = ground.root / "a.wav"
    while_worked_on(ground, at, when, "a.wav", lambda: path.rename(ground.root / "b.wav"))
    is_too_late = at == "delivery.publish"
    expected = delivered({"a.wav": [FIRST], "b.wav": [FIRST]} if is_too_late else {"b.wav": [FIRST]})
    expected.originals.pop("a.wav", None)
    assert faults(ground, expected) == []


@pytest.mark.parametrize(("at", "when"), MOMENTS[:-1])
def test_a_bounce_that_is_deleted_while_it_is_worked_on_leaves_nothing_behind_or_its_result(
    tmp_path: Path, at: str, when: str
) -> None:
    ground = make_ground(tmp_path)
    while_worked_on(ground, at, when, "a.wav", (ground.root / "a.wav").unlink)
    expected = delivered({"a.wav": [FIRST]} if at == "delivery.publish" else {})
    expected.originals.clear()
    assert faults(ground, expected) == []


def test_a_bounce_that_is_renamed_before_it_is_finished_is_one_bounce(tmp_path: Path) -> None:
    ground = make_ground(tmp_path, settle_s=0.5, give_up_s=5)
    with ground.start() as service:
        service.wait_for_word("watching")
        path = ground.drop("Untitled.wav", FIRST)
        service.wait_for_word("Untitled.wav: seen")
        path.rename(ground.root / "Mix.wav")
        service.wait_until(lambda: ground.count_finished() == 1)
        service.stop()
    assert faults(ground, delivered({"Mix.wav": [FIRST]})) == []


def test_what_is_no_bounce_is_left_where_it_is(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    strays = ["._a.wav", ".DS_Store", "b.wav.tmp", "c.part", "notes.txt", ".hidden/d.wav", "Album/cover.jpg"]
    for path in strays:
        ground.drop(path, FIRST)
    ground.drop("empty.wav", b"")
    ground.drop("z.wav", SECOND)
    ground.finish()
    expected = delivered({"z.wav": [SECOND]})
    left = frozenset({*strays, "empty.wav"})
    assert set(dropped(ground)) == left
    told = [event["path"] for event in ground.events() if event["event"] == "ignored"]
    assert sorted(told) == ["Album/cover.jpg", "notes.txt"]
    wrong = [fault for fault in faults(ground, expected) if fault.split(" should")[0] not in left]
    assert [fault for fault in wrong if "empty.wav" not in fault] == []


def test_a_resource_fork_goes_with_its_file(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    ground.drop("._a.wav", b"fork")
    ground.drop("a.wav", FIRST)
    ground.finish()
    assert (ground.root / "Done/._a.wav").read_bytes() == b"fork"
    assert not (ground.root / "._a.wav").exists()
    os.remove(ground.root / "Done/._a.wav")
    assert faults(ground, delivered({"a.wav": [FIRST]})) == []

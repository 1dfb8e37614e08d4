from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bouncing import Serving, discovered, tiny, watch_folder

from rebounce.engine.history import sha256_of
from rebounce.watchers.bounce import Bounce, Stamp, State
from rebounce.watchers.delivery_plan import Move, Plan
from rebounce.watchers.layout import Layout
from rebounce.watchers.planning import Ready, chain_place, new_parts, plan_failure, plan_success
from rebounce.watchers.side_files import failure_text, record_text

STAMP = Stamp(size=1, mtime_ns=2)
PARTS = replace(new_parts(), tag="0123abcd")


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(watch_folder(tmp_path / "Bounces"))
    yield serving
    serving.close()


@pytest.fixture
def layout(serving: Serving) -> Layout:
    return serving.layout


@pytest.fixture
def bounce(serving: Serving) -> Bounce:
    """Mix.wav, identified."""
    bounce = discovered(serving, "Mix.wav", tiny(1))
    return replace(bounce, content_sha256=sha256_of(serving.layout.at("Mix.wav")))


def lay(layout: Layout, path: str, content: bytes = b"x") -> None:
    layout.at(path).parent.mkdir(parents=True, exist_ok=True)
    layout.at(path).write_bytes(content)


def lay_result(layout: Layout, path: str, record: str, content: bytes = b"x") -> None:
    lay(layout, path, content)
    lay(layout, record, record_text({"input_sha256": "c", "output": str(layout.at(path))}))


def success(layout: Layout, bounce: Bounce, ready: Ready | None, *, moves_original: bool = True) -> Plan:
    before = sorted(layout.root.rglob("*"))
    plan = plan_success(layout, bounce, State.DONE, STAMP, ready, moves_original=moves_original)
    assert sorted(layout.root.rglob("*")) == before, "planning changes nothing"
    return plan


def failure(layout: Layout, bounce: Bounce, *, moves_original: bool = True) -> Plan:
    before = sorted(layout.root.rglob("*"))
    plan = plan_failure(layout, bounce, STAMP, "Errors/part", moves_original=moves_original)
    assert sorted(layout.root.rglob("*")) == before, "planning changes nothing"
    return plan


def moved(plan: Plan) -> dict[str, str]:
    return {move.source: move.target for move in plan.set_aside}


MIX = Ready(parts=PARTS, result="Restored/Mix.wav")


def test_a_first_bounce_takes_its_names_and_needs_no_room(layout: Layout, bounce: Bounce) -> None:
    plan = success(layout, bounce, MIX)
    part = "Restored/.Mix.wav~0123abcd.rebounce.part"
    assert plan.publish == (Move(source=part, target="Restored/Mix.wav"),)
    record = "Restored/.Mix.wav.json~0123abcd.rebounce.part"
    assert plan.side == Move(source=record, target="Restored/Mix.wav")
    assert plan.original == Move(source="Mix.wav", target="Done/Mix.wav")
    assert (plan.outcome, plan.stamp, plan.set_aside, plan.remove) == (State.DONE, STAMP, (), ())


def test_a_chain_is_published_beside_its_result(layout: Layout, bounce: Bounce) -> None:
    plan = success(layout, bounce, replace(MIX, chain=chain_place(MIX.result)))
    assert [move.target for move in plan.publish] == ["Restored/Mix.wav", "Restored/Mix.chain.toml"]


def test_an_older_result_and_all_that_belongs_to_it_get_one_number(layout: Layout, bounce: Bounce) -> None:
    lay_result(layout, "Restored/Mix.wav", "Restored/Mix.json")
    lay(layout, "Restored/Mix.chain.toml")
    lay(layout, "Done/Mix.wav")
    assert moved(success(layout, bounce, MIX)) == {
        "Restored/Mix.wav": "Restored/Mix (1).wav",
        "Restored/Mix.json": "Restored/Mix (1).json",
        "Restored/Mix.chain.toml": "Restored/Mix (1).chain.toml",
        "Done/Mix.wav": "Done/Mix (1).wav",
    }


def test_the_number_is_free_in_all_folders_of_the_name(layout: Layout, bounce: Bounce) -> None:
    lay_result(layout, "Restored/Mix.wav", "Restored/Mix.json")
    lay(layout, "Done/Mix (4).flac")
    assert moved(success(layout, bounce, MIX))["Restored/Mix.wav"] == "Restored/Mix (5).wav"


def test_files_of_other_names_and_folders_stay(layout: Layout, bounce: Bounce) -> None:
    for path in ("Restored/Mix.flac", "Restored/Mix 2.wav", "Restored/A/Mix.wav", "Done/A/Mix.wav", "Errors/Mix.wav"):
        lay(layout, path)
    assert moved(success(layout, bounce, MIX)) == {}


def test_side_files_with_a_whole_name_are_numbered_so_too(layout: Layout, bounce: Bounce) -> None:
    lay_result(layout, "Restored/Mix.flac", "Restored/Mix.json")
    lay_result(layout, "Restored/Mix.wav", "Restored/Mix.wav.json")
    assert moved(success(layout, bounce, MIX)) == {
        "Restored/Mix.wav": "Restored/Mix (1).wav",
        "Restored/Mix.wav.json": "Restored/Mix (1).wav.json",
    }


def test_an_original_with_the_same_content_stays(layout: Layout, bounce: Bounce) -> None:
    lay_result(layout, "Restored/Mix.wav", "Restored/Mix.json")
    lay(layout, "Done/Mix.wav", tiny(1))
    assert set(moved(success(layout, bounce, MIX))) == {"Restored/Mix.wav", "Restored/Mix.json"}


def test_a_record_whose_result_was_taken_away_is_left_to_be_replaced(layout: Layout, bounce: Bounce) -> None:
    lay_result(layout, "Restored/Mix.wav", "Restored/Mix.json")
    layout.at("Restored/Mix.wav").unlink()
    assert moved(success(layout, bounce, MIX)) == {}


def test_the_same_bytes_without_a_record_are_not_in_the_way(layout: Layout, bounce: Bounce) -> None:
    lay(layout, MIX.parts.of(MIX.result), b"result")
    lay(layout, "Restored/Mix.wav", b"result")
    assert moved(success(layout, bounce, MIX)) == {}
    lay(layout, "Restored/Mix.wav", b"resolt")
    assert moved(success(layout, bounce, MIX)) == {"Restored/Mix.wav": "Restored/Mix (1).wav"}


def test_what_was_delivered_before_is_not_published_again(layout: Layout, bounce: Bounce) -> None:
    lay_result(layout, "Restored/Mix.wav", "Restored/Mix.json")
    plan = success(layout, bounce, None)
    assert (plan.publish, plan.side, plan.set_aside) == ((), None, ())
    assert plan.original is not None


def test_originals_that_are_kept_are_not_moved(layout: Layout, bounce: Bounce) -> None:
    lay(layout, "Done/Mix.wav")
    plan = success(layout, bounce, MIX, moves_original=False)
    assert (plan.original, plan.set_aside) == (None, ())


def test_an_original_that_is_done_stays_where_it_is(layout: Layout, bounce: Bounce) -> None:
    plan = success(layout, replace(bounce, source="Done/Mix.wav"), MIX)
    assert plan.original is None


def test_of_a_failure_that_was_retried_the_sentence_goes(layout: Layout, bounce: Bounce) -> None:
    lay(layout, "Errors/Mix.wav")
    retried = replace(bounce, source="Errors/Mix.wav")
    assert success(layout, retried, MIX).remove == ()
    lay(layout, "Errors/Mix.txt", b"a note of the user's")
    assert success(layout, retried, MIX).remove == ()
    lay(layout, "Errors/Mix.txt", failure_text("Mix.wav", "broken"))
    plan = success(layout, retried, MIX)
    assert plan.remove == ("Errors/Mix.txt",)
    assert plan.original == Move(source="Errors/Mix.wav", target="Done/Mix.wav")


def test_a_failure_goes_to_errors_with_its_sentence(layout: Layout, bounce: Bounce) -> None:
    plan = failure(layout, bounce)
    assert (plan.outcome, plan.publish, plan.set_aside, plan.remove) == (State.FAILED, (), (), ())
    assert plan.side == Move(source="Errors/part", target="Errors/Mix.wav")
    assert plan.original == Move(source="Mix.wav", target="Errors/Mix.wav")
    assert failure(layout, bounce, moves_original=False).original is None


def test_an_older_failure_and_its_sentence_get_one_number(layout: Layout, bounce: Bounce) -> None:
    lay(layout, "Errors/Mix.wav")
    assert moved(failure(layout, bounce)) == {"Errors/Mix.wav": "Errors/Mix (1).wav"}
    lay(layout, "Errors/Mix.txt", failure_text("Mix.wav", "broken"))
    lay(layout, "Errors/Mix (2).wav")
    assert moved(failure(layout, bounce)) == {
        "Errors/Mix.wav": "Errors/Mix (3).wav",
        "Errors/Mix.txt": "Errors/Mix (3).txt",
    }


def test_the_sentence_of_another_file_of_the_stem_stays(layout: Layout, bounce: Bounce) -> None:
    lay(layout, "Errors/Mix.wav")
    lay(layout, "Errors/Mix.txt", failure_text("Mix.flac", "broken"))
    lay(layout, "Errors/Mix.wav.txt", failure_text("Mix.wav", "broken"))
    assert moved(failure(layout, bounce)) == {
        "Errors/Mix.wav": "Errors/Mix (1).wav",
        "Errors/Mix.wav.txt": "Errors/Mix (1).wav.txt",
    }


@pytest.mark.parametrize("source", ["Errors/Mix.wav", "Errors/Mix (1).wav"])
def test_a_failure_that_fails_again_stays_where_it_is(layout: Layout, bounce: Bounce, source: str) -> None:
    lay(layout, source)
    plan = failure(layout, replace(bounce, source=source))
    assert (plan.original, plan.set_aside) == (None, ())
    assert plan.side == Move(source="Errors/part", target=source)


def test_a_re_run_that_fails_leaves_the_original_among_those_that_are_done(layout: Layout, bounce: Bounce) -> None:
    assert failure(layout, replace(bounce, source="Done/Mix.wav")).original is None


def test_a_name_that_was_shortened_for_its_number_finds_the_next_one(layout: Layout, bounce: Bounce) -> None:
    name = f"{'x' * 251}.wav"
    ready = replace(MIX, result=f"Restored/{name}")
    lay(layout, ready.result)
    lay(layout, f"Restored/{'x' * 247} (1).wav")
    lay(layout, f"Restored/{'x' * 247} (2).wav")
    plan = success(layout, replace(bounce, path=name, source=name), ready)
    assert moved(plan)[ready.result] == f"Restored/{'x' * 247} (3).wav"


def test_parts_are_told_apart_from_those_of_every_other_bounce(layout: Layout) -> None:
    parts = [new_parts() for _ in range(50)]
    assert len({one.of("Restored/Mix.wav") for one in parts}) == 50
    long = PARTS.of(f"Restored/{'x' * 251}.wav")
    assert len(long.rpartition("/")[2]) <= 255
    assert long != PARTS.of(f"Restored/{'x' * 250}y.wav")
    layout.at("Restored").mkdir()
    layout.at(long).touch()

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bouncing import HALF, Serving, tiny, watch_folder

from rebounce.engine.history import sha256_of
from rebounce.watchers.bounce import Bounce, State
from rebounce.watchers.delivered import Delivered, find_delivered
from rebounce.watchers.side_files import read_record, record_text


@pytest.fixture(params=["bypass", "half"])
def serving(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Serving]:
    """With a preset that changes nothing, and with one that does."""
    chain = tmp_path / "half.toml"
    chain.write_text(HALF, encoding="utf-8")
    preset = "bypass" if request.param == "bypass" else str(chain)
    serving = Serving(watch_folder(tmp_path / "Bounces", preset))
    yield serving
    serving.close()


@pytest.fixture
def bounce(serving: Serving) -> Bounce:
    """One that was delivered."""
    return serving.bounce("Album/Mix.wav", tiny(1))


def found(serving: Serving, bounce: Bounce, old: Bounce | None = None) -> Delivered | None:
    return find_delivered(serving.layout, serving.folder, bounce, old)


@pytest.mark.parametrize("knows", [True, False])
def test_a_result_that_is_there_is_found_whether_the_ledger_knows_it_or_not(
    serving: Serving, bounce: Bounce, knows: bool
) -> None:
    delivered = found(serving, bounce, bounce if knows else None)
    assert delivered is not None
    assert delivered.result == "Restored/Album/Mix.wav"
    assert delivered.record == bounce.record
    assert delivered.sha256 == sha256_of(serving.layout.at(delivered.result))


@pytest.mark.parametrize(
    "other", [{"content_sha256": "another"}, {"preset_hash": "another"}, {"path": "Mix.wav"}, {"path": "Album/Mix.bwf"}]
)
def test_the_result_of_anything_else_is_not_it(serving: Serving, bounce: Bounce, other: dict[str, str]) -> None:
    assert found(serving, replace(bounce, **other)) is None  # type: ignore[arg-type]


def test_a_result_of_another_version_is_not_it(serving: Serving, bounce: Bounce) -> None:
    place = serving.layout.at("Restored/Album/Mix.json")
    record = read_record(place)
    assert record is not None
    place.write_bytes(record_text(record | {"version": "0.0.1"}))
    assert found(serving, bounce) is None


@pytest.mark.parametrize("gone", ["Restored/Album/Mix.wav", "Restored/Album/Mix.json"])
def test_a_result_or_record_that_is_gone_is_not_found(serving: Serving, bounce: Bounce, gone: str) -> None:
    serving.layout.at(gone).unlink()
    assert found(serving, bounce) is None


def test_a_result_that_somebody_worked_on_is_theirs(serving: Serving, bounce: Bounce) -> None:
    serving.layout.at("Restored/Album/Mix.wav").write_bytes(tiny(2))
    assert found(serving, bounce, bounce) is None


def test_dropped_again_a_bounce_is_not_delivered_twice(serving: Serving, bounce: Bounce) -> None:
    before = serving.files()
    again = serving.bounce("Album/Mix.wav", tiny(1))
    assert serving.files() == before
    assert again.id != bounce.id
    assert (again.state, again.result, again.source) == (bounce.state, bounce.result, bounce.source)
    assert serving.ledger.bounce(bounce.id) is None


def test_dropped_again_when_the_ledger_is_lost_it_is_not_delivered_twice(serving: Serving, bounce: Bounce) -> None:
    before = serving.files()
    serving.drop_hands()
    serving.layout.ledger.unlink()
    serving.restart()
    again = serving.bounce("Album/Mix.wav", tiny(1))
    assert serving.files() == before
    assert again.state is bounce.state


def test_a_bounce_after_another_of_its_name_is_delivered_again_as_the_newest(serving: Serving, bounce: Bounce) -> None:
    first = serving.layout.at("Restored/Album/Mix.wav").read_bytes()
    serving.bounce("Album/Mix.wav", tiny(2))
    again = serving.bounce("Album/Mix.wav", tiny(1))
    assert again.state in (State.DONE, State.UNCHANGED)
    files = serving.files()
    assert files["Restored/Album/Mix.wav"] == first == files["Restored/Album/Mix (1).wav"]
    assert files["Done/Album/Mix.wav"] == tiny(1)
    assert files["Done/Album/Mix (2).wav"] == tiny(2)

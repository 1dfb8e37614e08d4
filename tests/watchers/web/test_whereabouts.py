from pathlib import Path

import pytest
from bouncing import unfinished_at
from page_folders import begin, drop, end, folder_at, mix, restored

from rebounce.watchers.bounce import Bounce, State
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.status import Watched
from rebounce.watchers.web.whereabouts import original_of, result_of


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return folder_at(tmp_path / "Bounces")


def bounce_of(watched: Watched, id: int) -> Bounce:
    with Ledger(watched.layout.ledger) as ledger:
        bounce = ledger.bounce(id)
    assert bounce is not None
    return bounce


def test_files_lie_where_the_ledger_says(watched: Watched) -> None:
    bounce = bounce_of(watched, restored(watched, "Album/Mix.wav", mix(1)))
    assert original_of(watched.layout, bounce) == "Done/Album/Mix.wav"
    assert result_of(watched.layout, bounce) == "Restored/Album/Mix.wav"


def test_older_files_of_a_name_are_found_under_their_numbers(watched: Watched) -> None:
    ids = [restored(watched, "Mix.wav", mix(1, seed=seed)) for seed in range(3)]
    found = [
        (original_of(watched.layout, bounce), result_of(watched.layout, bounce))
        for bounce in [bounce_of(watched, id) for id in ids]
    ]
    assert found == [
        ("Done/Mix (1).wav", "Restored/Mix (1).wav"),
        ("Done/Mix (2).wav", "Restored/Mix (2).wav"),
        ("Done/Mix.wav", "Restored/Mix.wav"),
    ]


def test_one_original_has_the_results_of_both_its_presets(watched: Watched) -> None:
    first = restored(watched, "Mix.wav", mix(1))
    with Ledger(watched.layout.ledger) as ledger:
        assert ledger.rerun(first, "bypass")
        second = unfinished_at(ledger, "Mix.wav")
        assert second is not None
        begin(ledger, watched, second.id)
        end(ledger, watched, second.id)
    old, new = bounce_of(watched, first), bounce_of(watched, second.id)
    assert new.state is State.UNCHANGED
    assert (original_of(watched.layout, old), result_of(watched.layout, old)) == (
        "Done/Mix.wav",
        "Restored/Mix (1).wav",
    )
    assert (original_of(watched.layout, new), result_of(watched.layout, new)) == ("Done/Mix.wav", "Restored/Mix.wav")


def test_another_file_of_the_name_is_not_taken_for_it(watched: Watched) -> None:
    bounce = bounce_of(watched, restored(watched, "Mix.wav", mix(1)))
    drop(watched, "Done/Mix.wav", mix(1.5))
    assert original_of(watched.layout, bounce) is None
    watched.layout.at("Restored/Mix.wav").unlink()
    assert result_of(watched.layout, bounce) is None


def test_a_result_without_its_record_is_the_one_that_has_the_name(watched: Watched) -> None:
    bounce = bounce_of(watched, restored(watched, "Mix.wav", mix(1)))
    watched.layout.at("Restored/Mix.json").unlink()
    assert result_of(watched.layout, bounce) == "Restored/Mix.wav"

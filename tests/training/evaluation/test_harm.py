"""Do no harm: what counts as identical, as reached, and as worst."""

from dataclasses import replace
from pathlib import Path

import pytest
from measured_items import item

from rebounce.training.evaluation.harm import harm_of
from rebounce.training.evaluation.trial import Measured, Outcome

SAME = Outcome(scores={"snr_db": 120.0})
FAILED = Outcome(scores={}, message="it broke", is_failure=True)


def clean(*outcomes: tuple[str, Outcome]) -> list[Measured]:
    return [item(name, {"ours": outcome}, "clean", seed) for seed, (name, outcome) in enumerate(outcomes)]


def changed(change_dbfs: float) -> Outcome:
    return Outcome(scores={"snr_db": -change_dbfs}, change_dbfs=change_dbfs)


def test_a_track_is_identical_when_all_of_its_excerpts_are() -> None:
    harm = harm_of(clean(("a", SAME), ("a", changed(-60)), ("b", SAME), ("b", SAME)), "ours", 0.5)
    assert (harm.identical.successes, harm.identical.tracks) == (1, 2)


def test_the_worst_change_is_the_largest_and_is_told_with_its_file() -> None:
    harm = harm_of(clean(("a", changed(-60)), ("b", changed(-12)), ("c", SAME)), "ours", 0.9)
    assert harm.worst is not None
    assert (harm.worst.path, harm.worst.change_dbfs, harm.worst.scores) == (Path("b.wav"), -12, {"snr_db": 12})
    assert harm_of(clean(("a", SAME)), "ours", 0.9).worst is None


@pytest.mark.parametrize(("tracks", "is_reached"), [(58, False), (59, True)])
def test_a_share_is_reached_when_its_bound_holds(tracks: int, is_reached: bool) -> None:
    harm = harm_of(clean(*((f"{number}", SAME) for number in range(tracks))), "ours", 0.95)
    assert harm.identical.share == 1.0
    assert (harm.is_reached, harm.tracks_needed) == (is_reached, 59)


@pytest.mark.parametrize(("target", "needed"), [(0.0, 0), (0.5, 5), (0.9, 29), (1.0, 0)])
def test_how_many_tracks_a_target_takes_at_least(target: float, needed: int) -> None:
    assert harm_of(clean(("a", SAME)), "ours", target).tracks_needed == needed


def test_silence_that_stays_silent_is_left_out_and_counted_but_harm_to_it_counts() -> None:
    items = clean(("a", SAME), ("b", SAME), ("b", SAME), ("c", changed(-60)), ("d", FAILED))
    silent = [replace(item, is_silent=number != 2) for number, item in enumerate(items)]
    harm = harm_of(silent, "ours", 0.9)
    assert (harm.silent, harm.identical.successes, harm.identical.tracks) == (2, 1, 3)
    assert harm.worst is not None
    nothing = harm_of([replace(item, is_silent=True) for item in clean(("a", SAME))], "ours", 0.9)
    assert (nothing.silent, nothing.identical.tracks, nothing.is_reached) == (1, 0, False)


def test_a_failure_is_no_identity() -> None:
    harm = harm_of(clean(("a", FAILED), ("b", SAME)), "ours", 0.9)
    assert (harm.failed, harm.identical.successes, harm.worst) == (1, 1, None)

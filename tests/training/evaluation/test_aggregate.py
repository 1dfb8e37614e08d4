"""From items to rows, against sums done by hand."""

import math

import pytest
from measured_items import item, items, scored

from rebounce.training.evaluation.aggregate import LEAST_TRACKS, Cell, Gain, improvement, rate_of, rows_of, summary_of
from rebounce.training.evaluation.systems import INPUT, RESULT, System
from rebounce.training.evaluation.trial import Measured, Outcome

DAMAGED = System(name="damaged", kind=INPUT, about="")
OURS = System(name="ours", kind=RESULT, about="")
FAILED = Outcome(scores={}, message="it broke", is_failure=True)
ABSENT = Outcome(scores={}, message="there is none")


def cell(measured: list[Measured], score: str = "snr_db", system: System = OURS) -> Cell:
    (row,) = rows_of(measured, [system], [score], seed=0)
    return row.cells[score]


def gain_of(measured: list[Measured], score: str = "snr_db") -> Gain:
    gain = cell(measured, score).gain
    assert gain is not None
    return gain


def test_mean_median_and_gain_are_those_of_the_items() -> None:
    found = cell(items("ours", [1.0, 2.0, 6.0], [2.0, 4.0, 9.0]))
    assert (found.interval.mean, found.median) == (5.0, 4.0)
    assert found.gain is not None
    assert (found.gain.interval.mean, found.gain.median) == (2.0, 2.0)
    assert (found.gain.better.successes, found.gain.better.tracks) == (3, 3)
    assert found.gain.better.least == pytest.approx(0.05 ** (1 / 3))


@pytest.mark.parametrize(
    ("score", "before", "after", "better"),
    [("snr_db", 3.0, 5.0, 2.0), ("mel_distance_db", 3.0, 5.0, -2.0), ("loudness_error_lu", -3.0, 1.0, 2.0)],
)
def test_a_gain_is_positive_where_things_got_better(score: str, before: float, after: float, better: float) -> None:
    assert improvement(score, before, after) == better
    assert gain_of(items("ours", [before], [after], score), score).interval.mean == better


def test_errors_of_both_signs_do_not_cancel() -> None:
    found = cell(items("ours", [1.0, 1.0], [3.0, -2.0], "loudness_error_lu"), "loudness_error_lu")
    assert (found.interval.mean, found.bias) == (2.5, 0.5)
    assert cell(items("ours", [1.0], [3.0])).bias is None


def test_an_undefined_score_is_counted_and_a_gain_needs_both() -> None:
    found = cell(items("ours", [1.0, None, 3.0], [None, 5.0, 4.0]))
    assert (found.undefined, found.interval.items, found.interval.mean) == (1, 2, 4.5)
    assert found.gain is not None
    assert (found.gain.interval.items, found.gain.interval.mean) == (1, 1.0)
    assert cell(items("ours", [None], [None])).gain is None


def test_what_failed_and_what_does_not_exist_are_told_apart() -> None:
    before = Outcome(scores={"snr_db": 1.0})
    measured = [item(name, {"damaged": before, "ours": end}) for name, end in
                (("a", FAILED), ("b", ABSENT), ("c", ABSENT), ("d", scored(snr_db=4.0)), ("e", before))]  # fmt: skip
    (row,) = rows_of(measured, [OURS], ["snr_db"], seed=0)
    assert (row.failed, row.absent, row.unchanged, row.is_result) == (1, 2, 1, True)
    assert row.cells["snr_db"].interval.items == 2
    assert row.cells["snr_db"].undefined == 0


def test_the_damaged_input_gains_nothing_over_itself() -> None:
    assert cell(items("ours", [1.0], [2.0]), system=DAMAGED).gain is None


def test_a_verdict_needs_an_interval_on_one_side_of_zero_and_enough_tracks() -> None:
    steps = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    zeros = [0.0] * len(steps)
    assert len(steps) == LEAST_TRACKS
    assert gain_of(items("ours", zeros, steps)).verdict == 1
    assert gain_of(items("ours", steps, zeros)).verdict == -1
    assert gain_of(items("ours", zeros[1:], steps[1:])).verdict == 0
    assert gain_of(items("ours", zeros, [-3.0, 3.0, -2.0, 2.0, -1.0, 1.0])).verdict == 0


def test_what_rounds_to_nothing_is_neither_better_nor_worse() -> None:
    gain = gain_of(items("ours", [0.0] * 8, [0.004] * 8))
    assert (gain.verdict, gain.better.successes) == (0, 0)


def test_items_of_one_track_count_as_one_for_a_rate() -> None:
    before = Outcome(scores={"snr_db": 0.0})
    measured = [
        item(name, {"damaged": before, "ours": scored(snr_db=value)}, seed=seed)
        for seed, (name, value) in enumerate([("a", 1.0), ("a", 1.0), ("a", -1.0), ("b", -1.0)])
    ]
    better = gain_of(measured).better
    assert (better.successes, better.tracks, better.share) == (1, 2, 0.5)
    assert rate_of({}).share is None


def test_a_track_on_which_a_system_failed_is_not_better() -> None:
    before = Outcome(scores={"snr_db": 0.0})
    ends = [("a", scored(snr_db=1.0)), ("b", FAILED), ("c", ABSENT), ("a", FAILED), ("d", scored(snr_db=2.0))]
    better = gain_of([item(name, {"damaged": before, "ours": end}) for name, end in ends]).better
    assert (better.successes, better.tracks) == (1, 3)


def test_the_summary_counts_a_failure_as_harm_and_passes_over_what_does_not_exist() -> None:
    scores = {"snr_db": 20.0, "log_spectral_distance_db": 2.0, "mel_distance_db": 2.0, "si_sdr_db": 25.0}
    before = Outcome(scores=scores)
    copy = scored(snr_db=120.0, log_spectral_distance_db=0.0, mel_distance_db=0.0, si_sdr_db=120.0)
    found = summary_of([item("a", {"damaged": before, "ours": copy})], "ours", list(scores), 0)
    assert found is not None
    assert found.average_score == 1.0
    for other, expected in ((FAILED, 0.0), (ABSENT, 1.0), (before, 0.5)):
        measured = [item("a", {"damaged": before, "ours": copy}), item("b", {"damaged": before, "ours": other})]
        told = summary_of(measured, "ours", list(scores), 0)
        assert told is not None
        assert told.average_score is not None
        assert math.isclose(told.average_score, expected)
        assert told.intervals["average_score"].tracks == (1 if other is ABSENT else 2)
    for missing in scores:
        few = [score for score in scores if score != missing]
        assert summary_of([item("a", {"damaged": before, "ours": copy})], "ours", few, 0) is None


def test_an_interval_of_few_tracks_ends_where_the_score_does() -> None:
    ratios = cell(items("ours", [0.0, 0.0], [119.0, 100.0])).interval
    sizes = cell(items("ours", [0.0, 0.0], [0.1, -3.0], "loudness_error_lu"), "loudness_error_lu").interval
    assert (ratios.mean, ratios.high) == (109.5, 120)
    assert (sizes.mean, sizes.low) == (1.55, 0)

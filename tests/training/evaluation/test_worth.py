"""What a restorer is worth training for, from items whose scores are known."""

from dataclasses import replace

import pytest
from measured_items import item, scored

from rebounce.training.evaluation.aggregate import rows_of
from rebounce.training.evaluation.as_data import to_data
from rebounce.training.evaluation.bench import COHERENT, ROUND_TRIP, TRANSFER, Bench
from rebounce.training.evaluation.groups import fault_groups
from rebounce.training.evaluation.markdown import markdown_of
from rebounce.training.evaluation.page import index_html
from rebounce.training.evaluation.plain_table import plain
from rebounce.training.evaluation.run import Evaluation, Plan, Section, judged
from rebounce.training.evaluation.systems import System
from rebounce.training.evaluation.trial import Outcome
from rebounce.training.evaluation.worth import Worth, worth_line, worth_table, worths_of

SCORES = ("si_sdr_db", "log_spectral_distance_db")
ORACLES = (ROUND_TRIP, COHERENT, TRANSFER)
Pair = tuple[float | None, float | None]
DAMAGED: Pair = (10.0, 5.0)


def outcome(pair: Pair | None) -> Outcome:
    if pair is None:
        return Outcome(scores={}, message="there is none")
    return scored(**dict(zip(SCORES, pair, strict=True)))


def evaluation(faults: dict[str, dict[str, Pair | None]], damaged: Pair = DAMAGED, tracks: int = 3) -> Evaluation:
    """Of each fault an item a track, with what each oracle scores, the same on all."""
    groups = fault_groups(list(faults))
    measured = [
        item(
            chr(97 + number), {"damaged": outcome(damaged), **{name: outcome(one) for name, one in ours.items()}}, fault
        )
        for fault, ours in faults.items()
        for number in range(tracks)
    ]
    plan = Plan(
        tracks=(),
        groups=tuple(groups),
        bench=Bench(presets=(), codec=None, scores=SCORES, seconds=10.0),
        seed=0,
        items=1,
        harm_target=0.95,
        asked={},
    )
    systems = [System(name=name, kind="oracle", about="") for name in ("damaged", *ORACLES)]
    sections = [
        Section(
            group=group,
            tracks=tracks,
            items=tracks,
            undamaged=0,
            rows=tuple(
                rows_of(
                    [one for one in measured if one.group == group.name],
                    [system for system in systems if system.name in ("damaged", *faults[group.name])],
                    SCORES,
                    0,
                )
            ),
            tokens=(),
        )
        for group in groups
    ]
    return replace(judged(replace(plan, groups=()), [], []), sections=tuple(sections))


def one(**oracles: Pair | None) -> Worth:
    named = {"decode": ROUND_TRIP, "coherent": COHERENT, "transfer": TRANSFER}
    (worth,) = worths_of(evaluation({"echo": {named[name]: pair for name, pair in oracles.items()}}))
    return worth


@pytest.mark.parametrize(("si_sdr_db", "is_worth"), [(40.0, True), (39.9, False)])
def test_what_nobody_hears_is_no_loss(si_sdr_db: float, is_worth: bool) -> None:
    """A gain leaves the SI-SDR at its end, from where every way leads down."""
    (worth,) = worths_of(evaluation({"gain": {TRANSFER: (si_sdr_db, 0.1)}}, damaged=(120.0, 3.0)))
    assert worth.is_worth == is_worth


@pytest.mark.parametrize(
    ("oracle", "is_worth"),
    [
        ((11.0, 5.0), True),  # 1 dB
        ((10.9, 5.0), False),
        ((11.0, 9.0), True),  # whatever becomes of the spectrum, which the waveform's error is in
        ((10.0, 4.5), True),  # a tenth
        ((10.0, 4.6), False),
        ((9.8, 4.0), True),  # at a price of 0.2 dB
        ((9.7, 1.0), False),  # at a higher one
        ((10.0, 5.0), False),
    ],
)
def test_a_decibel_or_a_tenth_of_the_distance_is_worth_it(oracle: Pair, is_worth: bool) -> None:
    assert one(coherent=oracle).is_worth == is_worth


def test_the_best_oracle_decides() -> None:
    worth = one(decode=(5.0, 3.0), coherent=(14.0, 5.0), transfer=(10.0, 4.0))
    assert (worth.oracle, worth.gain_db.mean, worth.distance_share) == (COHERENT, 4.0, 0.0)
    worth = one(decode=(5.0, 3.0), coherent=(10.5, 5.0), transfer=(10.0, 4.0))
    assert worth.oracle == TRANSFER
    assert worth.distance_share == pytest.approx(0.2)


def test_an_oracle_that_does_not_exist_decides_nothing() -> None:
    assert one(coherent=None, transfer=(10.0, 4.0)).oracle == TRANSFER
    assert worths_of(evaluation({"echo": {COHERENT: None}})) == []
    assert worths_of(evaluation({"echo": {COHERENT: (None, None)}})) == []
    assert worths_of(evaluation({"gain": {COHERENT: (1.0, 0.5)}}, damaged=(None, None))) == []


def test_a_damage_that_the_spectrum_does_not_show_is_no_division_by_zero() -> None:
    (worth,) = worths_of(evaluation({"echo": {COHERENT: (12.0, 0.0)}}, damaged=(10.0, 0.0)))
    assert (worth.distance_share, worth.is_worth) == (0.0, True)


def test_without_both_scores_nothing_is_decided() -> None:
    found = evaluation({"echo": {COHERENT: (14.0, 5.0)}})
    bench = replace(found.plan.bench, scores=("si_sdr_db",))
    assert worths_of(replace(found, plan=replace(found.plan, bench=bench))) == []


def test_it_is_told_in_plain_words_in_every_form() -> None:
    found = evaluation({"echo": {COHERENT: (14.0, 5.0)}, "mp3": {COHERENT: (9.0, 5.5)}, "eq": {TRANSFER: (10.0, 2.5)}})
    line = "worth training for: echo, eq; not: mp3"
    assert worth_line(worths_of(found)) == line
    table = worth_table(found)
    texts = {name: [cell.value for cell in cells] for name, cells in table.rows}
    assert texts["echo"] == ["yes", "+4.00", "0 %", "tokens, by coherence"]
    assert texts["mp3"] == ["no", "-1.00", "-10 %", "tokens, by coherence"]
    assert texts["eq"] == ["yes", "0.00", "+50 %", "tokens, transfer"]
    assert dict(table.rows)["echo"][1].interval == "+4.00 to +4.00"
    for text in (markdown_of(found), index_html(found, {}), plain(table, 200)):
        assert line in text
        assert "What tokens can repair" in text
    data = to_data(found)["worth_training"]
    assert [(one["group"], one["is_worth"]) for one in data] == [("echo", True), ("mp3", False), ("eq", True)]
    assert data[0]["gain_db"]["mean"] == 4.0


def test_nothing_at_all_is_told_as_such() -> None:
    found = evaluation({"mp3": {COHERENT: (9.0, 5.5)}})
    assert worth_line(worths_of(found)) == "worth training for: nothing; not: mp3"
    assert worth_line([]) == ""
    assert worth_table(evaluation({})).rows == ()

"""Every score as a line of CSV: what it says where there is none, and names that a spreadsheet must not run."""

import csv
import io
from dataclasses import replace

from measured_items import item, scored, track

from rebounce.training.evaluation.bench import Bench, Preset
from rebounce.training.evaluation.groups import fault_groups
from rebounce.training.evaluation.run import Evaluation, Plan, judged
from rebounce.training.evaluation.trial import Measured, Outcome
from rebounce.training.evaluation.written import to_csv

PARAMETERS, MAGNITUDE = "oracle: parameters known", "oracle: clean magnitude"


def evaluation(name: str, *items: Measured) -> Evaluation:
    plan = Plan(
        tracks=(track("a"),),
        groups=tuple(fault_groups(["gain"])),
        bench=Bench(
            presets=(Preset(name=name, source="", chain="", sha256=""),), codec=None, scores=("snr_db",), seconds=1.0
        ),
        seed=0,
        items=1,
        harm_target=0.95,
        asked={},
    )
    return judged(plan, items, [])


def lines(found: Evaluation) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(found), newline="")))


def test_each_status_is_told_and_a_value_only_where_there_is_one() -> None:
    one = item(
        "a",
        {
            "damaged": scored(snr_db=-1.5),
            "ours": Outcome(scores={}, message="it broke", is_failure=True),
            PARAMETERS: Outcome(scores={}, message="there is none"),
            MAGNITUDE: scored(snr_db=None),
        },
    )
    found = [(line["system"], line["kind"], line["value"], line["status"]) for line in lines(evaluation("ours", one))]
    assert found == [
        ("damaged", "input", "-1.5", "scored"),
        ("ours", "result", "", "failed"),
        (PARAMETERS, "oracle", "", "absent"),
        (MAGNITUDE, "oracle", "", "undefined"),
    ]


def test_a_name_is_no_formula_and_a_number_stays_one() -> None:
    for name, shown in {"=1+1": "'=1+1", "@x": "'@x", "-a": "'-a", "a=1": "a=1", 'a,\n"b': 'a,\n"b'}.items():
        outcomes = {"damaged": scored(snr_db=-1.5), name: scored(snr_db=2.0)}
        outcomes |= dict.fromkeys((PARAMETERS, MAGNITUDE), scored(snr_db=1.0))
        one = item("a", outcomes)
        named = replace(one, track=replace(one.track, path=one.track.path.with_name(name)))
        line = lines(evaluation(name, named))[1]
        assert (line["system"], line["track"], line["value"]) == (shown, shown, "2.0")

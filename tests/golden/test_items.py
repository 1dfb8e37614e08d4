"""Golden items: what is drawn for a track must never change by accident, or old bundles and scores lose their meaning.

`make golden` rewrites them. A change on purpose needs a new `SCHEMA` in `training/exercise.py`, which stands in every
hash. Numbers may differ in the last bits only: ranges that are drawn by octaves go through the system's own logarithm.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from rebounce.training.damage import damage_to_data
from rebounce.training.exercise import (
    SCHEMA,
    Exercise,
    draw_item,
    exercise_of_fault,
    exercise_of_recipe,
    exercise_of_stage,
)
from rebounce.training.faults.registry import FAULTS
from rebounce.training.recipes import load_curriculum, load_recipe

HERE = Path(__file__).parent / "items"
TRACKS = [hashlib.sha256(text.encode()).hexdigest() for text in ("first", "second")]
CURRICULUM = load_curriculum("token-unet")
EXERCISES = {
    **{f"token-unet_{stage.name}": exercise_of_stage(CURRICULUM, stage.name) for stage in CURRICULUM.stages},
    **{name: exercise_of_recipe(load_recipe(name)) for name in ("readme", "realistic", "mp3")},
    **{f"fault_{name}": exercise_of_fault(name) for name in FAULTS if name != "vst3"},
}


def drawn(exercise: Exercise) -> list[dict[str, Any]]:
    """Two tracks with two seeds."""
    found = []
    for track in TRACKS:
        for seed in (0, 1):
            item = draw_item(track, exercise, seed)
            told = {"track_sha256": track, "seed": seed, "place": item.place, "damage": damage_to_data(item.damage)}
            found.append(told)
    return found


def flat(data: Any, name: str = "") -> dict[str, Any]:
    """Every value by its place, so that numbers can be compared one by one."""
    if isinstance(data, dict | list):
        parts = data.items() if isinstance(data, dict) else enumerate(data)
        return {key: value for part, inner in parts for key, value in flat(inner, f"{name}/{part}").items()} or {
            name: 0
        }
    return {name: data}


def apart(values: dict[str, Any]) -> tuple[dict[str, float], dict[str, Any]]:
    """The fractions, and everything that must be equal."""
    numbers = {key: value for key, value in values.items() if isinstance(value, float)}
    return numbers, {key: value for key, value in values.items() if key not in numbers}


@pytest.mark.parametrize("name", EXERCISES)
def test_what_was_drawn_is_drawn_again(name: str, request: pytest.FixtureRequest) -> None:
    path = HERE / f"{name}.json"
    found = {"schema": SCHEMA, "exercise": EXERCISES[name].name, "tolerance": 1e-12, "items": drawn(EXERCISES[name])}
    if request.config.getoption("--rewrite-golden"):
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    case = json.loads(path.read_text(encoding="utf-8"))
    (numbers, others), expected = apart(flat(found)), apart(flat(case))
    assert others == expected[1]
    assert numbers == pytest.approx(expected[0], rel=case["tolerance"])

"""The bundled recipes against the ranges that they are said to have, which stand here once more, as numbers.

What is drawn must lie within a range, and a few hundred draws must come near both of its ends.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from rebounce.training.damage import Damage
from rebounce.training.exercise import Exercise, draw_item, exercise_of_recipe
from rebounce.training.recipes import load_recipe

Table = Mapping[tuple[str, str], tuple[float, float]]

DRAWS = 600
# What a few hundred even draws leave free at either end, as a share of the range; an octave counts as any other.
FREE_SHARE = 0.05

README: Table = {
    ("eq", "frequency_hz"): (300, 5_000),
    ("eq", "gain_db"): (-6, 6),
    ("eq", "q"): (0.5, 2),
    ("compression", "threshold_db"): (-24, -6),
    ("compression", "ratio"): (1.5, 4),
    ("compression", "makeup_db"): (0, 3),
    ("reverb", "decay_s"): (0.2, 1),
    ("reverb", "length_ms"): (50, 400),
    ("echo", "delay_ms"): (100, 250),
    ("echo", "gain"): (0.1, 0.5),
    ("gain", "gain_db"): (-3, 3),
}

# The rule of the text's code: half of a range more on either side, of frequencies 0.3 of it.
WIDER, WIDER_IN_HZ = 0.5, 0.3
# And no further than an effect makes sense. Half of the lowest where the rule ends at nothing or less; below 50 Hz a
# bell is no longer in the music, with a ratio of 1 there is no compressor, and at 0 dBFS it has nothing to do.
SANE: Mapping[tuple[str, str], tuple[float, float]] = {
    ("eq", "frequency_hz"): (50, 20_000),
    ("eq", "q"): (0.5 / 2, 20),
    ("compression", "threshold_db"): (-60, -3),
    ("compression", "ratio"): (1.1, 100),
    ("reverb", "decay_s"): (0.2 / 2, 10),
    ("reverb", "length_ms"): (50 / 2, 10_000),
    ("echo", "gain"): (0.1 / 2, 0.95),
}

REALISTIC: Table = {
    ("reverb", "rt60_s"): (0.25, 2.5),
    ("reverb", "drr_db"): (-6, 12),
    ("echo", "delay_ms"): (60, 500),
    ("echo", "gain"): (0.15, 0.6),
    ("echo", "lowpass_hz"): (1_500, 8_000),
    ("eq", "gain_db"): (-12, 12),
    ("eq", "peak q"): (0.4, 3),
    ("compression", "threshold_over_rms_db"): (-10, 6),
    ("compression", "ratio"): (2.5, 12),
    ("compression", "attack_ms"): (1, 30),
    ("compression", "release_ms"): (40, 400),
    ("clipping", "percentile"): (90, 99.7),
    ("noise", "snr_db"): (20, 45),
    ("level_ride", "gain_db"): (-8, 8),
    ("level_ride", "section_s"): (1.5, 5),
    ("limiting", "drive_db"): (6, 16),
}

BY_OCTAVES = ("frequency_hz", "q", "peak q", "lowpass_hz", "rt60_s", "attack_ms", "release_ms")


def stronger(table: Table) -> Table:
    found = {}
    for key, (low, high) in table.items():
        more = (WIDER_IN_HZ if key[1].endswith("_hz") else WIDER) * (high - low)
        lowest, highest = SANE.get(key, (-np.inf, np.inf))
        found[key] = max(low - more, lowest), min(high + more, highest)
    return found


def drawn(exercise: Exercise) -> list[Damage]:
    return [draw_item("ab" * 32, exercise, seed).damage for seed in range(DRAWS)]


def numbers(parameters: Any) -> Iterator[tuple[str, float]]:
    """Every number with its name, one in a list too; the q of a bell is one thing, that of a shelf another."""
    for key, value in parameters.items():
        if isinstance(value, list):
            for inner in value:
                yield from numbers(inner) if isinstance(inner, dict) else ()
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield key, value
            if key == "q" and parameters.get("kind") == "peak":
                yield "peak q", value


def seen(items: list[Damage]) -> Mapping[tuple[str, str], list[float]]:
    found = defaultdict(list)
    for damage in items:
        for applied in damage:
            for key, value in numbers(applied.parameters):
                found[applied.fault, key].append(value)
    return found


def assert_drawn_from(table: Table, items: list[Damage]) -> None:
    values = seen(items)
    for key, ends in table.items():
        scale = np.log if key[1] in BY_OCTAVES else np.asarray
        low, high, found = scale(ends[0]), scale(ends[1]), scale(values[key])
        assert found.size > 60, key
        assert ends[0] <= min(values[key]), key
        assert max(values[key]) <= ends[1], key
        assert found.min() < low + FREE_SHARE * (high - low), key
        assert found.max() > high - FREE_SHARE * (high - low), key


def test_readme_has_the_ranges_of_the_text() -> None:
    assert_drawn_from(README, drawn(exercise_of_recipe(load_recipe("readme"))))


def test_stronger_follows_the_rule_of_its_code() -> None:
    table = stronger(README)
    assert table["eq", "frequency_hz"] == (50, 6_410)
    assert table["gain", "gain_db"] == (-6, 6)
    assert_drawn_from(table, drawn(exercise_of_recipe(load_recipe("readme"), is_stronger=True)))


@pytest.mark.parametrize("is_stronger", [False, True])
def test_readme_does_what_the_text_does_one_to_five_at_a_time(is_stronger: bool) -> None:
    items = drawn(exercise_of_recipe(load_recipe("readme"), is_stronger))
    assert {len(damage) for damage in items} == {1, 2, 3, 4, 5}
    parameters = {fault: [one.parameters for damage in items for one in damage if one.fault == fault] for fault in FIVE}
    assert all(len(one["filters"]) == 1 and one["filters"][0]["kind"] == "peak" for one in parameters["eq"])
    assert all(one["kind"] == "decay" and one["predelay_ms"] == 0 for one in parameters["reverb"])
    assert all(len(one["taps"]) == 1 and one["lowpass_hz"] is None for one in parameters["echo"])
    assert {damage[0].fault for damage in items} == set(FIVE)


FIVE = ("eq", "gain", "compression", "reverb", "echo")


def test_realistic_has_the_published_ranges() -> None:
    assert_drawn_from(REALISTIC, drawn(exercise_of_recipe(load_recipe("realistic"))))


def test_realistic_has_the_published_chances_and_kinds() -> None:
    items = drawn(exercise_of_recipe(load_recipe("realistic")))
    by_name: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for damage in items:
        for applied in damage:
            by_name[applied.fault].append(applied.parameters)
    chances = {"reverb": 0.55, "echo": 0.3, "eq": 0.45, "compression": 0.3, "clipping": 0.15, "noise": 0.15}
    chances |= {"level_ride": 0.15, "limiting": 0.15}
    assert set(by_name) == set(chances)
    # 0.06 is three times the deviation of 600 draws; 6 % are left clean on purpose, whatever else falls.
    for name, chance in chances.items():
        assert len(by_name[name]) / DRAWS == pytest.approx(0.94 * chance, abs=0.06), name
    assert 0.08 <= np.mean([damage == () for damage in items]) <= 0.15
    assert {len(one["filters"]) for one in by_name["eq"]} == {1, 2, 3, 4}
    assert {len(one["taps"]) if isinstance(one["taps"], list) else one["taps"] for one in by_name["echo"]} == set(
        range(1, 6)
    )
    assert {one["kind"] for one in by_name["reverb"]} == {"synthetic", "plate"}
    assert {one["kind"] for one in by_name["clipping"]} == {"hard", "soft"}
    assert {one["lowpass_hz"] is None for one in by_name["echo"]} == {True, False}
    assert all(one["restores_rms"] for one in by_name["compression"])


def test_mp3_has_the_constant_bit_rates_from_64_to_256_kbps() -> None:
    (rates,) = seen(drawn(exercise_of_recipe(load_recipe("mp3")))).values()
    assert set(rates) == {64, 80, 96, 112, 128, 160, 192, 224, 256}

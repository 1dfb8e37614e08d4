"""Places in a TOML text: every setting is found in its line, and what cannot be followed has the nearest around it."""

from pathlib import Path

import pytest

from rebounce.presets.toml_places import Places, read_text

TEXT = """description = "A recipe"  # line 1
[[fault]]
fault = "eq"
"gain_db" = [-6, 6]
  [fault.stronger]
  gain_db = [-12, 12]
[[fault]]   # the second
fault = "echo"
stronger.taps = 3
taps = [
  1,
  5,
]
[[chain]]
[[chain.chain]]
[[chain.chain]]
plugin = "Gain"
[chain.chain.parameters]
mix = 1
"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("description",), 1),
        (("fault",), 2),
        (("fault", 0), 2),
        (("fault", 0, "fault"), 3),
        (("fault", 0, "gain_db"), 4),
        (("fault", 0, "stronger"), 5),
        (("fault", 0, "stronger", "gain_db"), 6),
        (("fault", 1), 7),
        (("fault", 1, "stronger", "taps"), 9),
        (("fault", 1, "stronger"), 9),
        (("fault", 1, "taps"), 10),
        (("chain", 0, "chain", 1, "plugin"), 17),
        (("chain", 0, "chain", 1, "parameters", "mix"), 19),
    ],
)
def test_everything_has_the_line_in_which_it_stands(place: tuple[str | int, ...], line: int) -> None:
    assert Places(TEXT).line(*place) == line


@pytest.mark.parametrize(
    ("place", "line"),
    [(("fault", 0, "missing"), 2), (("fault", 1, "stronger", "missing"), 9), (("nowhere", 3), 1), ((), 1)],
)
def test_what_is_not_there_has_the_line_of_what_is_around_it(place: tuple[str | int, ...], line: int) -> None:
    assert Places(TEXT).line(*place) == line


def test_tables_within_one_line_have_that_line() -> None:
    places = Places('\nfault = [{ fault = "eq" }, { fault = "echo" }]\n')
    assert places.line("fault", 1, "fault") == 2


def test_why_a_file_cannot_be_read_is_said_with_its_kind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.toml: expected a recipe file in TOML, .*No such file"):
        read_text(tmp_path / "none.toml", "recipe file")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="it is not text in UTF-8"):
        read_text(tmp_path / "binary.toml", "recipe file")

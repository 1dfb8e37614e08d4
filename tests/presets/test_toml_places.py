"""Places in a TOML text: every setting is found in its line, and what cannot be followed has the nearest around it."""

from pathlib import Path

import pytest

from rebounce.presets.toml_places import Places, parse, read_text

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


LONG_TEXTS = (
    """description = '''
[[fault]]
gain_db = 1'''
[[fault]]  # not """
    + '\'"""'
    + """ a text
note = \"\"\"say \\\"\"\"
[fault.stronger]
gain_db = 2\"\"\"
kind = [  # one of ] these
  ["white"],
  { gain_db = 3 },
]
gain_db = 4
"""
)


def test_what_stands_in_texts_and_lists_of_several_lines_is_no_place() -> None:
    places = Places(LONG_TEXTS)
    found = [places.line(*place) for place in (("fault",), ("fault", 0, "note"), ("fault", 0, "gain_db"))]
    assert found == [4, 5, 12]
    assert places.line("fault", 0, "stronger", "gain_db") == places.line("fault", 0, "white") == 4
    assert parse(LONG_TEXTS)["fault"][0]["gain_db"] == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = [", "not valid TOML: "),
        ("a = " + "[" * 5000 + "]" * 5000, "not valid TOML: lists or tables are nested too deep"),
        ("a = " + "9" * 5000, "not valid TOML: there is an integer of thousands of digits"),
        ("[b]\nc = [1, 0x" + "f" * 5000 + "]", r"not valid TOML: b\.c is an integer of more than 64 bits \(line 2\)"),
        (f"a = {2**63}", "more than 64 bits"),
    ],
)
def test_what_is_no_toml_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse(text)
    assert len(str(caught.value)) < 200


def test_every_integer_that_toml_promises_is_taken() -> None:
    assert parse(f"a = {2**63 - 1}\nb = {-(2**63)}") == {"a": 2**63 - 1, "b": -(2**63)}


def test_a_mark_of_the_byte_order_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "bom.toml").write_text("a = 1", encoding="utf-8-sig")
    assert read_text(tmp_path / "bom.toml", "recipe file") == "a = 1"


def test_tables_within_one_line_have_that_line() -> None:
    places = Places('\nfault = [{ fault = "eq" }, { fault = "echo" }]\n')
    assert places.line("fault", 1, "fault") == 2


def test_why_a_file_cannot_be_read_is_said_with_its_kind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.toml: expected a recipe file in TOML, .*No such file"):
        read_text(tmp_path / "none.toml", "recipe file")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="it is not text in UTF-8"):
        read_text(tmp_path / "binary.toml", "recipe file")

"""Chain files: every mistake is named with its line, and what is written comes back exactly."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebounce.engine.board import Board
from rebounce.engine.errors import ChainError
from rebounce.engine.preset import load_preset, read_preset
from rebounce.presets.bundled import bundled_presets

GOOD = """
description = "A test chain"

[[chain]]
plugin = "HighpassFilter"   # rumble
cutoff_frequency_hz = 20

[[chain]]
plugin = "Board"
  [[chain.chain]]
  plugin = "Gain"
  gain_db = -3
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "chain.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_chain_loads(tmp_path: Path) -> None:
    board = load_preset(write(tmp_path, GOOD))
    assert board.to_dict()["chain"][1]["chain"][0] == {"plugin": "Gain", "gain_db": -3.0}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("HighpassFilter", "HighpasFilter", r"line 5: .*found 'HighpasFilter'; did you mean 'HighpassFilter'"),
        ("cutoff_frequency_hz", "cutof_hz", r"line 6: HighpassFilter: .*did you mean 'cutoff_frequency_hz'"),
        ("= 20", "= -5", r"line 6: HighpassFilter: cutoff_frequency_hz = -5, expected a number from 1 to 96000"),
        ("= 20", '= "low"', r"line 6: HighpassFilter: cutoff_frequency_hz = 'low', expected a number"),
        ("gain_db = -3", "gain_db = 900", r"line 12: Gain: gain_db = 900, expected a number from -120 to 120"),
        ('plugin = "Gain"', "plugin = 7", r"line 11: expected plugin = a name in quotes, found 7"),
        ('plugin = "Gain"', "", r"line 10: expected plugin = a name in quotes, found None"),
        ("description", "descripton", r"line 2: unknown key 'descripton'; did you mean 'description'"),
        ('"A test chain"', "3", r"line 2: expected description = text in quotes, found 3"),
        ("[[chain]]", "[[chian]]", r"line 4: unknown key 'chian'; did you mean 'chain'"),
        ('plugin = "Gain"', 'plugin = "Gain', r"not valid TOML: .*line 11"),
    ],
)
def test_a_mistake_names_its_line(tmp_path: Path, before: str, after: str, message: str) -> None:
    path = write(tmp_path, GOOD.replace(before, after))
    with pytest.raises(ChainError, match=message) as caught:
        load_preset(path)
    assert str(path) in str(caught.value)


def test_the_second_of_two_equal_tables_is_told_from_the_first(tmp_path: Path) -> None:
    text = '[[chain]]\nplugin = "Gain"\ngain_db = 1\n\n[[chain]]\nplugin = "Gain"\ngain_db = "x"\n'
    with pytest.raises(ChainError, match="line 7: Gain"):
        load_preset(write(tmp_path, text))


def test_a_chain_that_is_no_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match=r"line 1: expected \[\[chain\]\] tables"):
        load_preset(write(tmp_path, "chain = 3\n"))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ChainError, match=r"nowhere\.toml: expected a chain file in TOML"):
        load_preset("nowhere.toml")
    with pytest.raises(ChainError, match="one of auto, bypass, five-stage"):
        load_preset("nowhere")


def test_binary_data_is_no_chain(tmp_path: Path) -> None:
    path = tmp_path / "chain.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ChainError, match="expected a chain file in TOML"):
        load_preset(path)


@settings(max_examples=25, deadline=None)
@given(gain=st.floats(-120, 120), cutoff=st.floats(1, 96_000), drive=st.floats(0, 1))
def test_what_is_written_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, gain: float, cutoff: float, drive: float
) -> None:
    path = tmp_path_factory.mktemp("chain") / "chain.toml"
    table = {"plugin": "Reverb", "room_size": drive, "strength": 0.5}
    peak = {"plugin": "PeakFilter", "gain_db": gain, "cutoff_frequency_hz": cutoff}
    board = Board.from_dict({"chain": [table, peak]})
    board.save(path)
    assert load_preset(path).to_dict() == board.to_dict()


@pytest.mark.parametrize("name", bundled_presets())
def test_every_bundled_preset_loads_and_describes_itself(name: str) -> None:
    assert len(read_preset(name).description) > 20
    assert load_preset(name).to_dict() == Board.from_dict(load_preset(name).to_dict()).to_dict()


def test_the_promised_presets_are_there() -> None:
    assert {"auto", "bypass", "five-stage"} <= set(bundled_presets())

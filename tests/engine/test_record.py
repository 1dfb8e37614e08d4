"""The record of one file as JSON."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest

from rebounce.engine.record import RESTORED, Record

RECORD = Record(
    input="夜の歌.wav", output="out/夜の歌.wav", status=RESTORED, version="0.1.0", preset="auto", preset_hash="0" * 64
)


def test_it_is_one_line_of_ascii_that_comes_back_as_it_was() -> None:
    text = RECORD.to_json()
    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text) == RECORD.to_dict() | {"messages": []}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_cannot_get_in(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        replace(RECORD, lufs_in=number).to_json()


def test_what_was_not_measured_is_null_and_findings_tell_not_looked_from_nothing_found() -> None:
    table = json.loads(RECORD.to_json())
    assert [table[name] for name in ("lufs_in", "seconds", "error", "findings")] == [None] * 4
    assert json.loads(replace(RECORD, findings=[]).to_json())["findings"] == []


def test_it_is_written_for_people_to_read_and_a_name_that_is_no_text_survives(tmp_path: Path) -> None:
    path = tmp_path / "new/mix.json"
    RECORD.write(path)
    assert "夜の歌" in path.read_text(encoding="utf-8")
    odd = replace(RECORD, input=os.fsdecode(b"caf\xe9.wav"))
    odd.write(path)
    assert os.fsencode(json.loads(path.read_text(encoding="utf-8"))["input"]) == b"caf\xe9.wav"
    assert os.fsencode(json.loads(odd.to_json())["input"]) == b"caf\xe9.wav"

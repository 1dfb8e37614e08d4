import json
import os
from pathlib import Path, PurePosixPath

import pytest
from bouncing import watch_folder
from hypothesis import given
from hypothesis import strategies as st

from rebounce.watchers.layout import Layout, layout_of
from rebounce.watchers.side_files import (
    RECORD,
    TEXT,
    failure_text,
    is_record_of,
    next_free,
    read_record,
    record_of,
    record_place,
    record_text,
    side_names,
    text_of,
)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "Restored").mkdir()
    (tmp_path / "Errors").mkdir()
    return layout_of(watch_folder(tmp_path), False, tmp_path)


def write_record(layout: Layout, path: str, output: str) -> None:
    record = {"input_sha256": "c", "output": str(layout.at(output))}
    layout.at(path).write_bytes(record_text(record))


def test_the_side_file_of_the_first_of_a_stem_has_the_stem(layout: Layout) -> None:
    assert record_place(layout, "Restored/Mix.wav") == "Restored/Mix.json"
    assert not record_of(layout, "Restored/Mix.wav").is_own


def test_a_record_that_is_there_is_found(layout: Layout) -> None:
    write_record(layout, "Restored/Mix.json", "Restored/Mix.wav")
    side = record_of(layout, "Restored/Mix.wav")
    assert (side.path, side.is_own) == ("Restored/Mix.json", True)


def test_the_second_of_a_stem_has_a_side_file_with_its_whole_name(layout: Layout) -> None:
    write_record(layout, "Restored/Mix.json", "Restored/Mix.wav")
    assert record_place(layout, "Restored/Mix.flac") == "Restored/Mix.flac.json"
    write_record(layout, "Restored/Mix.flac.json", "Restored/Mix.flac")
    assert record_of(layout, "Restored/Mix.flac").is_own
    layout.at("Restored/Mix.json").unlink()
    assert record_of(layout, "Restored/Mix.flac").path == "Restored/Mix.flac.json"


def test_the_record_of_a_file_with_two_suffixes_is_left_to_it(layout: Layout) -> None:
    write_record(layout, "Restored/Mix.wav.json", "Restored/Mix.wav.wav")
    assert record_place(layout, "Restored/Mix.wav") == "Restored/Mix.json"
    assert record_of(layout, "Restored/Mix.wav.wav").path == "Restored/Mix.wav.json"


def test_where_others_have_both_names_it_gets_a_number(layout: Layout) -> None:
    write_record(layout, "Restored/Mix.json", "Restored/Mix.flac")
    write_record(layout, "Restored/Mix.wav.json", "Restored/Mix.wav.wav")
    side = record_of(layout, "Restored/Mix.wav")
    assert (side.path, side.is_own) == ("Restored/Mix.wav (1).json", False)


@pytest.mark.parametrize("content", [b"", b"no json", b"[]", b"{}", b'{"output": "/x/Mix.wav"}', b"\xff\xfe", b'"x"'])
def test_what_is_no_record_is_somebodys_own_file(layout: Layout, content: bytes) -> None:
    layout.at("Restored/Mix.json").write_bytes(content)
    assert read_record(layout.at("Restored/Mix.json")) is None
    assert record_place(layout, "Restored/Mix.wav") == "Restored/Mix.wav.json"


def test_a_record_that_cannot_be_read_is_none(layout: Layout) -> None:
    assert read_record(layout.at("Restored/none.json")) is None
    assert read_record(layout.at("Restored")) is None


def test_a_record_without_an_output_belongs_to_nobody(layout: Layout) -> None:
    layout.at("Restored/Mix.json").write_bytes(record_text({"input_sha256": "c", "output": None}))
    assert not is_record_of(layout.at("Restored/Mix.json"), "Mix.wav")


def test_sentences_are_kept_apart_as_records_are(layout: Layout) -> None:
    assert text_of(layout, "Errors/Mix.wav", "Mix.wav").path == "Errors/Mix.txt"
    layout.at("Errors/Mix.txt").write_bytes(failure_text("Mix.wav", "it is broken"))
    assert text_of(layout, "Errors/Mix.wav", "Mix.wav").is_own
    other = text_of(layout, "Errors/Mix.flac", "Mix.flac")
    assert (other.path, other.is_own) == ("Errors/Mix.flac.txt", False)
    layout.at("Errors/Mix.txt").rename(layout.at("Errors/Mix (1).txt"))
    assert text_of(layout, "Errors/Mix (1).wav", "Mix.wav").is_own


def test_notes_of_the_user_are_not_taken_for_our_sentence(layout: Layout) -> None:
    layout.at("Errors/Mix.txt").write_text("Mix.wav sounds dull\n", encoding="utf-8")
    assert text_of(layout, "Errors/Mix.wav", "Mix.wav").path == "Errors/Mix.wav.txt"


def test_a_failure_is_one_line_that_begins_with_the_name() -> None:
    assert failure_text("Mix.wav", "it is\n  broken,\tsadly \n") == b"Mix.wav: it is broken, sadly\n"
    assert failure_text("M\udcff.wav", "caf\u00e9").decode() == "M\\udcff.wav: caf\u00e9\n"


@given(
    name=st.binary(min_size=1, max_size=30).map(os.fsdecode),
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
)
def test_a_record_is_json_that_comes_back_whatever_the_names(name: str, value: object) -> None:
    record = {"input_sha256": "c", "output": f"/x/{name}", "value": value}
    assert json.loads(record_text(record).decode("utf-8")) == record


def test_no_number_that_json_has_not_gets_into_a_record() -> None:
    with pytest.raises(ValueError, match="JSON"):
        record_text({"seconds": float("nan")})


def test_a_record_with_a_name_that_is_no_text_belongs_to_it(tmp_path: Path) -> None:
    path = tmp_path / "Mix.json"
    path.write_bytes(record_text({"input_sha256": "c", "output": "/x/M\udcff.wav"}))
    assert is_record_of(path, "M\udcff.wav")


@pytest.mark.parametrize("suffix", [RECORD, TEXT])
@pytest.mark.parametrize("stem", ["x" * 251, "\u00e4" * 125, "\U0001f3b5" * 62])
def test_a_side_file_of_a_long_name_has_a_name_that_the_system_takes(stem: str, suffix: str) -> None:
    for name in side_names(f"Restored/{stem}.wav", suffix):
        assert len(os.fsencode(PurePosixPath(name).name)) <= 255
        assert name.endswith(suffix)


def test_the_next_free_name_is_one_that_nobody_has(layout: Layout) -> None:
    assert next_free(layout, "Restored/Mix.wav") == "Restored/Mix (1).wav"
    layout.at("Restored/Mix (4).json").touch()
    assert next_free(layout, "Restored/Mix.wav") == "Restored/Mix (5).wav"
    long = "x" * 251
    layout.at(f"Restored/{'x' * 247} (1).wav").touch()
    assert next_free(layout, f"Restored/{long}.wav") == f"Restored/{'x' * 247} (2).wav"

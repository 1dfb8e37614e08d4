"""A manifest reads as it was written, and every wrong value is told with its key and what was expected."""

import tomllib
from dataclasses import replace
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from rebounce.engine.errors import ModelError
from rebounce.engine.model_manifest import (
    Golden,
    Manifest,
    ModelPort,
    check_file_name,
    manifest_table,
    parse_manifest,
)
from rebounce.engine.onnx_session import Port

DIGEST = "0123456789abcdef" * 4
MANIFEST = Manifest(
    name="gentle-gain",
    version="1.0.0",
    kind="gain",
    sample_rate_hz=48_000,
    channels=2,
    window_frames=480,
    hop_frames=400,
    context_frames=40,
    licence="GPL-3.0-or-later",
    training_data_card="Made by hand.\nNo audio was used.",
    inputs=(ModelPort(model="gain.onnx", port=Port(name="audio", dtype="float32", shape=("batch", 2, 480))),),
    outputs=(ModelPort(model="gain.onnx", port=Port(name="louder", dtype="float32", shape=("batch", 2, 480))),),
    run_script="run.py",
    goldens=(Golden(model="gain.onnx", inputs="golden/in.npz", outputs="golden/out.npz", tolerance=1e-6),),
    scaling={"gain": 0.5, "method": "fixed"},
    settings={"codec": "light@01234567", "codebooks": 16},
    scores={"si_sdr_db": 12.25},
    files={name: DIGEST for name in ("gain.onnx", "golden/in.npz", "golden/out.npz", "run.py")},
)


def _text(**changes: Any) -> str:
    table = manifest_table(MANIFEST) | changes
    return tomli_w.dumps({key: value for key, value in table.items() if value is not None})


def _refused(text: str) -> str:
    with pytest.raises(ModelError) as caught:
        parse_manifest(text, "gentle-gain/manifest.toml")
    assert str(caught.value).startswith("gentle-gain/manifest.toml: ")
    return str(caught.value)


def test_a_manifest_reads_as_it_was_written() -> None:
    assert parse_manifest(_text(), "here") == MANIFEST


def test_what_may_be_left_out_may_be_left_out() -> None:
    bare = replace(MANIFEST, run_script=None, goldens=(), scaling={}, settings={}, scores={})
    assert parse_manifest(tomli_w.dumps(manifest_table(bare)), "here") == bare


@settings(max_examples=25, deadline=None)
@given(
    context=st.integers(0, 2_000),
    hop=st.integers(1, 10_000),
    rate=st.integers(8_000, 192_000),
    scores=st.dictionaries(st.text(max_size=8), st.floats(allow_nan=False, allow_infinity=False), max_size=4),
    card=st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), min_size=1).filter(str.strip),
)
def test_any_sane_manifest_survives_the_round_trip(
    context: int, hop: int, rate: int, scores: dict[str, float], card: str
) -> None:
    made = replace(
        MANIFEST,
        context_frames=context,
        hop_frames=hop,
        window_frames=hop + 2 * context,
        sample_rate_hz=rate,
        scores=dict(scores),
        training_data_card=card,
    )
    again = parse_manifest(tomli_w.dumps(manifest_table(made), multiline_strings=True), "here")
    assert again == made
    assert again.id == made.id


def test_the_id_is_the_name_and_a_hash_of_the_values() -> None:
    name, _, digest = MANIFEST.id.partition("@")
    assert name == "gentle-gain"
    assert len(digest) == 8
    assert int(digest, 16) >= 0
    laid_out_anew = "# a comment\n\n" + _text().replace(" = ", "   =   ")
    assert parse_manifest(laid_out_anew, "here").id == MANIFEST.id


@pytest.mark.parametrize(
    "change", [{"version": "1.0.1"}, {"scores": {"si_sdr_db": 12.5}}, {"files": MANIFEST.files | {"run.py": "f" * 64}}]
)
def test_any_changed_value_changes_the_id(change: dict[str, Any]) -> None:
    assert parse_manifest(_text(**change), "here").id != MANIFEST.id


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sample_rate_hz": "48000"}, "sample_rate_hz = '48000', expected a whole number from 8000 to 192000"),
        ({"sample_rate_hz": 48000.0}, "sample_rate_hz = 48000.0, expected a whole number"),
        ({"sample_rate_hz": 4000}, "sample_rate_hz = 4000, expected a whole number from 8000 to 192000"),
        ({"channels": 0}, "channels = 0, expected a whole number from 1"),
        ({"channels": True}, "channels = True, expected a whole number"),
        ({"window_frames": -1}, "window_frames = -1, expected a whole number from 1"),
        ({"version": 1}, "version = 1, expected a text"),
        ({"licence": " "}, "licence = ' ', expected a text that is not empty"),
        ({"name": "Gentle Gain"}, "name = 'Gentle Gain', expected small letters"),
        ({"licence": None}, "expected licence, a text, found none"),
        ({"input": None}, "expected input, [[input]] tables, found none"),
        ({"output": []}, "output = [], expected [[output]] tables"),
        ({"scaling": 3}, "scaling = 3, expected a [scaling] table"),
        ({"scores": {"list": [1]}}, "scores.list = [1], expected a text, a finite number"),
        ({"scores": {"bad": float("nan")}}, "scores.bad = nan, expected a text, a finite number"),
        ({"files": {"gain.onnx": "short"}}, "files.gain.onnx = 'short', expected a SHA-256"),
        ({"files": {}}, "expected 'gain.onnx' under [files]"),
        (
            {"files": MANIFEST.files | {"Gain.onnx": DIGEST}},
            "expected names that no system takes for one, found 'gain.onnx' and 'Gain.onnx'",
        ),
        ({"name": "con"}, "name = 'con', expected small letters"),
        ({"window_frames": 1 << 40}, "window_frames = 1099511627776, expected a whole number from 1 to 134217728"),
        (
            {"hop_frames": 401},
            "hop_frames = 401 leaves gaps, expected at most window_frames - 2 x context_frames = 400",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_key(change: dict[str, Any], told: str) -> None:
    assert told in _refused(_text(**change))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"dtype": "float"}, "input 1: dtype = 'float', expected one of"),
        ({"shape": [0, 2]}, "input 1: shape = [0, 2], expected a list of sizes"),
        ({"shape": ["not a name"]}, "input 1: shape = ['not a name'], expected a list of sizes"),
        ({"shape": [True]}, "input 1: shape = [True], expected a list of sizes"),
        ({"sahpe": [1]}, "input 1: found the unknown key 'sahpe'; did you mean 'shape'?"),
    ],
)
def test_a_wrong_value_of_an_input_is_told_with_its_number(change: dict[str, Any], told: str) -> None:
    first = manifest_table(MANIFEST)["input"][0] | change
    assert told in _refused(_text(input=[first]))


@pytest.mark.parametrize("tolerance", [-1.0, "small", True, float("inf"), float("nan")])
def test_a_tolerance_is_a_number_of_at_least_zero(tolerance: Any) -> None:
    golden = manifest_table(MANIFEST)["golden"][0] | {"tolerance": tolerance}
    assert "golden 1: tolerance = " in _refused(_text(golden=[golden]))


@pytest.mark.parametrize("key", ["output", "golden"])
def test_outputs_and_golden_arrays_belong_to_a_model_with_inputs(key: str) -> None:
    other = manifest_table(MANIFEST)[key][0] | {"model": "other.onnx"}
    files = MANIFEST.files | {"other.onnx": DIGEST}
    told = "found outputs or golden arrays of 'other.onnx', expected an [[input]] of it"
    assert told in _refused(_text(files=files, **{key: [other]}))


def test_a_model_has_the_suffix_that_says_what_it_is() -> None:
    inputs = [manifest_table(MANIFEST)["input"][0] | {"model": "gain.ort"}]
    files = MANIFEST.files | {"gain.ort": DIGEST}
    outputs = [manifest_table(MANIFEST)["output"][0] | {"model": "gain.ort"}]
    told = "expected models whose names end in .onnx, found 'gain.ort'"
    assert told in _refused(_text(input=inputs, output=outputs, golden=[], files=files))


def test_an_unknown_key_is_told_with_the_nearest_known_one() -> None:
    assert "found the unknown key 'sample_rate'; did you mean 'sample_rate_hz'?" in _refused(_text(sample_rate=48_000))
    assert "found the unknown key 'zzz'; known are name, version, kind" in _refused(_text(zzz=1))


def test_a_file_that_is_not_toml_is_told_with_the_line() -> None:
    assert "expected TOML, found that" in _refused("name = \nversion")


@pytest.mark.parametrize("text", ["name = " + "[" * 5_000, "window_frames = " + "9" * 5_000])
def test_a_file_that_toml_itself_gives_up_on_is_told(text: str) -> None:
    assert "expected TOML, found that" in _refused(text)


@pytest.mark.parametrize(
    "name",
    [
        *("../evil.onnx", "a/../../evil.onnx", "/etc/passwd", "a\\b.onnx", "C:evil.onnx", "C:/evil.onnx", "", "."),
        *("./a.onnx", "a//b.onnx", "a/", "manifest.toml", "a\nb", "nul\x00", "stream:data", "what?.onnx"),
        *("Manifest.TOML", "con.onnx", "a.onnx.", "golden /in.npz"),
    ],
)
def test_a_file_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match="expected names of files inside the package"):
        check_file_name(name, "here")
    bad = tomli_w.dumps(manifest_table(MANIFEST) | {"files": MANIFEST.files | {name: DIGEST}})
    assert tomllib.loads(bad)["files"][name] == DIGEST
    assert "expected names of files inside the package" in _refused(bad)


@pytest.mark.parametrize("name", ["a.onnx", "golden/in.npz", "über größe.onnx", "a..b.onnx", ".hidden"])
def test_a_plain_file_name_is_taken(name: str) -> None:
    assert check_file_name(name, "here") == name

"""Single checks see what is there: packages that load, formats that round-trip, bundles, room on disk."""

import importlib.util
import sys
from pathlib import Path

import pytest

from rebounce.engine import doctor_checks
from rebounce.engine.doctor_checks import (
    check_formats,
    check_package,
    check_space,
    check_training,
    check_vst3,
    check_watching,
)


def test_a_package_that_is_not_there_is_a_problem_with_its_name() -> None:
    check = check_package("rebounce_has_no_such_package")
    assert check.status == "problem"
    assert "No module named 'rebounce_has_no_such_package'" in check.found
    assert check.advice == "pip install --force-reinstall rebounce_has_no_such_package"


def test_a_package_that_breaks_while_it_loads_is_a_problem_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "rebounce_test_breaks_on_import"
    (tmp_path / f"{name}.py").write_text("raise OSError('libsndfile.so.1: cannot open')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    check = check_package(name)
    assert (check.status, check.found) == ("problem", "cannot be imported: libsndfile.so.1: cannot open")
    assert name not in sys.modules


def test_every_format_comes_back() -> None:
    assert check_formats().status == "ok"


def test_a_format_that_the_library_lacks_is_told() -> None:
    assert doctor_checks._round_trip("OGG", "PCM_24") is not None
    assert doctor_checks._round_trip("NOSUCH", "PCM_16") is not None
    assert doctor_checks._round_trip("WAV", "PCM_16") is None


def test_bundles_are_counted_once_wherever_they_lie_and_whatever_their_case(tmp_path: Path) -> None:
    (tmp_path / "Vendor" / "Echo.vst3" / "Contents" / "x86_64-win").mkdir(parents=True)
    (tmp_path / "Vendor" / "Echo.vst3" / "Contents" / "x86_64-win" / "Echo.vst3").write_bytes(b"")
    (tmp_path / "Single.VST3").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    check = check_vst3([tmp_path, tmp_path / "none"])
    assert (check.status, check.found) == ("ok", f"2 in {tmp_path}")


def test_no_vst3_folder_is_fine(tmp_path: Path) -> None:
    assert check_vst3([tmp_path / "none"]).status == "ok"


def test_room_is_measured_where_the_output_folder_will_be(tmp_path: Path) -> None:
    temporary, output = check_space(tmp_path / "not" / "yet" / "there")
    assert temporary.name == "temporary files"
    assert output.found.endswith(f"GiB free in {tmp_path / 'not' / 'yet' / 'there'}")
    assert output.status in {"ok", "warning"}


def test_the_training_stack_is_reported_as_installed_or_not() -> None:
    check = check_training()
    assert check.found.startswith("torch ")
    is_missing = importlib.util.find_spec("torch") is None
    assert ("restoring never needs it" in check.found) == is_missing


@pytest.mark.parametrize(("version", "release"), [("2.13.0+cpu", ("2", "13")), ("2.11.0", ("2", "11")), ("", ("",))])
def test_two_versions_fit_when_their_first_two_numbers_do(version: str, release: tuple[str, ...]) -> None:
    assert doctor_checks._release(version) == release


def test_watching_names_what_its_page_is_made_of() -> None:
    check = check_watching("Linux")
    assert check.status == doctor_checks.OK
    assert all(name in check.found for name in ("watchdog ", "starlette ", "uvicorn "))
    assert "never run" not in check.found


@pytest.mark.parametrize("system", ["Darwin", "Windows"])
def test_watching_says_where_it_was_never_run(system: str) -> None:
    assert f"never run on {system}" in check_watching(system).found

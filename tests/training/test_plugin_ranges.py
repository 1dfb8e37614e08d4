"""Ranges for a plugin's parameters, held against what the plugin itself says it takes: ZamCompX2, a real one."""

from pathlib import Path
from typing import Any

import pytest

from rebounce.engine.errors import ChainError
from rebounce.engine.vst3_guest import Guest
from rebounce.training.plugin_ranges import check_plugin_ranges


def ranges(folder: Path, **parameters: Any) -> dict[str, Any]:
    return {"path": str(folder / "ZamCompX2.vst3"), "parameters": parameters}


def test_what_the_plugin_takes_is_fine_and_it_is_loaded_no_more_than_once(
    zam_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_plugin_ranges(ranges(zam_folder, attack_ms=[0.1, 100], ratio=4, current_program=["Zero", "PoppySnare"]))
    loaded: list[Guest] = []
    monkeypatch.setattr(Guest, "__init__", lambda guest, _: loaded.append(guest))
    check_plugin_ranges(ranges(zam_folder, strength=[0.5, 1], stereo_detection=[0, 1]))
    assert loaded == []


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("atack_ms", 3, r"found 'atack_ms'; did you mean 'attack_ms'"),
        ("state", "QUJD", "found 'state'"),
        ("attack_ms", [0.05, 100], r"attack_ms = 0\.05, expected a number from 0\.1 to 100"),
        ("attack_ms", [0.1, 101], r"attack_ms = 101, expected a number from 0\.1 to 100"),
        ("attack_ms", ["slow", "fast"], r"attack_ms = 'slow', expected a number"),
        ("attack_ms", True, r"attack_ms = True, expected a number"),
        ("current_program", "Zerro", r"current_program = 'Zerro', .*did you mean 'Zero'"),
        ("current_program", [0, 1], r"current_program = \[0, 1\] is a range, .*one of Zero, PoppySnare, VocalLeveller"),
    ],
)
def test_what_the_plugin_would_refuse_is_named(zam_folder: Path, name: str, given: Any, message: str) -> None:
    with pytest.raises(ChainError, match=message):
        check_plugin_ranges(ranges(zam_folder, **{name: given}))


def test_a_bundle_that_is_not_there_is_named(zam_folder: Path) -> None:
    with pytest.raises(ChainError, match=r"did you mean .*ZamCompX2\.vst3"):
        check_plugin_ranges({"path": str(zam_folder / "ZamCompX.vst3x")})

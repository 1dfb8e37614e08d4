"""Which file of a bundle is loaded. The rules for Windows and macOS have not run there; their names are tested."""

import platform
import sys
from pathlib import Path

import pytest

from rebounce.engine.errors import ChainError
from rebounce.engine.vst3_bundle import find_bundle

HERE = f"{platform.machine()}-linux"


def bundle(folder: Path, *binaries: str) -> Path:
    """A bundle folder with one file for each kind of system."""
    whole = folder / "Echo.vst3"
    for kind in binaries:
        inner = whole / "Contents" / kind / "Echo.vst3"
        inner.parent.mkdir(parents=True)
        inner.write_bytes(b"")
    return whole


@pytest.mark.skipif(sys.platform != "linux", reason="the folder name is Linux's")
def test_the_folder_and_the_file_inside_it_are_one_bundle(tmp_path: Path) -> None:
    whole = bundle(tmp_path, HERE, "x86_64-win")
    assert find_bundle(str(whole)) == str(whole)
    assert find_bundle(str(whole / "Contents" / HERE / "Echo.vst3")) == str(whole)
    assert find_bundle(str(whole / "Contents" / "x86_64-win" / "Echo.vst3")) == str(whole)


def test_windows_wants_the_file_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    whole = bundle(tmp_path, "x86_64-win", HERE)
    inner = whole / "Contents" / "x86_64-win" / "Echo.vst3"
    assert find_bundle(str(whole)) == find_bundle(str(inner)) == str(inner)


def test_the_older_single_file_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "Old.vst3").write_bytes(b"")
    assert find_bundle(str(tmp_path / "Old.vst3")) == str(tmp_path / "Old.vst3")


@pytest.mark.parametrize(("system", "wanted"), [("linux", HERE), ("darwin", "MacOS"), ("win32", "Windows")])
def test_a_bundle_for_another_system_says_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, wanted: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    with pytest.raises(ChainError, match=f"expected a plugin built for {wanted}.*found .*pdp11-unix"):
        find_bundle(str(bundle(tmp_path, "pdp11-unix")))


def test_a_wrong_path_is_answered_with_the_nearest(tmp_path: Path) -> None:
    whole = bundle(tmp_path, HERE)
    with pytest.raises(ChainError, match=f"found nothing there; did you mean {whole}"):
        find_bundle(str(tmp_path / "Eco.vst3"))
    with pytest.raises(ChainError, match="found nothing there; check the path"):
        find_bundle(str(tmp_path / "none" / "Echo.vst3"))


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mix.wav").write_bytes(b"")
    with pytest.raises(ChainError, match="expected a VST3 bundle"):
        find_bundle(str(tmp_path / "mix.wav"))

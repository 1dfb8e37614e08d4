"""Bundles that cannot be used are errors when the chain is built: real ones, and misfits compiled for the purpose."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rebounce.engine.errors import ChainError
from rebounce.engine.vst3 import Vst3

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the misfits are built as Linux bundles")

SOURCE = Path(__file__).with_name("vst3_misfit.c")
DIES_WHEN_LOADED, HANGS_WHEN_LOADED, HOLDS_TWO, HAS_NO_INPUT = 1, 2, 3, 4


@pytest.fixture
def misfit(tmp_path: Path) -> Callable[[int], str]:
    """Builds the bundle that misbehaves in one way and gives its path."""
    compiler = shutil.which("cc")
    if compiler is None:
        if os.environ.get("REBOUNCE_REQUIRE_VST3") == "1":
            pytest.fail("no C compiler; install the package gcc")
        pytest.skip("needs a C compiler to build the misbehaving bundles (on Debian: apt install gcc)")

    def build(way: int) -> str:
        bundle = tmp_path / "Misfit.vst3"
        folder = bundle / "Contents" / f"{platform.machine()}-linux"
        folder.mkdir(parents=True)
        options = ["-shared", "-fPIC", f"-DMISFIT={way}", "-o", str(folder / "Misfit.so")]
        subprocess.run([compiler, *options, str(SOURCE)], check=True)
        return str(bundle)

    return build


def test_a_bundle_that_dies_when_loaded_is_named_with_its_last_words(misfit: Callable[[int], str]) -> None:
    path = misfit(DIES_WHEN_LOADED)
    with pytest.raises(ChainError) as caught:
        Vst3(path)
    assert str(caught.value).startswith(f"Misfit ({path}): expected an answer from the plugin, but its process died of")
    assert 'SIGABRT (it last printed: "misfit: no licence found")' in str(caught.value)


def test_a_bundle_that_hangs_when_loaded_is_ended(misfit: Callable[[int], str]) -> None:
    with pytest.raises(ChainError, match="it gave none within 2 s and was ended"):
        Vst3(misfit(HANGS_WHEN_LOADED), plugin_timeout_s=0.5)


def test_of_several_plugins_in_a_bundle_one_must_be_named(
    misfit: Callable[[int], str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = misfit(HOLDS_TWO)
    with pytest.raises(ChainError, match="plugin_name to be one of Misfit One, Misfit Two, found no plugin_name"):
        Vst3(path)
    with pytest.raises(ChainError, match="one of Misfit One, Misfit Two, found plugin_name = 'Misfit 2'"):
        Vst3(path, plugin_name="Misfit 2")
    with pytest.raises(ChainError, match="found Misfit Two, an instrument"):
        Vst3(path, plugin_name="Misfit Two")
    assert capfd.readouterr() == ("", "")  # the misfit prints when it is loaded


def test_what_takes_no_audio_is_no_effect(misfit: Callable[[int], str]) -> None:
    with pytest.raises(ChainError, match="expected an effect, found Misfit One, an instrument, which takes no audio"):
        Vst3(misfit(HAS_NO_INPUT))


def test_a_bundle_without_a_plugin_in_it_does_not_load(tmp_path: Path) -> None:
    folder = tmp_path / "Empty.vst3" / "Contents" / f"{platform.machine()}-linux"
    folder.mkdir(parents=True)
    (folder / "Empty.so").write_text("not a library")
    with pytest.raises(
        ChainError, match=r"expected a VST3 effect that loads, but: Unable to scan plugin .*install the plugin again"
    ):
        Vst3(str(tmp_path / "Empty.vst3"))


def test_a_plugin_that_reads_much_for_every_value_loads_all_the_same(zam_folder: Path) -> None:
    # pedalboard alone sets ZamVerb's program 1,001 times, and ZamVerb reads an impulse response each time.
    plugin = Vst3(str(zam_folder / "ZamVerb.vst3"), plugin_timeout_s=5)
    rooms = plugin.parameters()["room"]
    assert (rooms.low, rooms.high) == (0, 6)
    assert plugin.parameters()["current_program"].words == ("Default",)
    plugin.close()

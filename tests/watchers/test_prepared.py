import os
from pathlib import Path

import pytest
from bouncing import HALF, watch_folder
from pedalboard import Gain

from rebounce.engine.errors import ChainError, RebounceError
from rebounce.engine.job import Options
from rebounce.engine.preset import load_preset, preset_hash
from rebounce.watchers.prepared import Presets


def chain_file(folder: Path, text: str = HALF, mtime_ns: int = 10**18) -> Path:
    path = folder / "half.toml"
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def test_a_preset_is_loaded_once_and_told_as_the_engine_tells_it(tmp_path: Path) -> None:
    path = chain_file(tmp_path)
    folder = watch_folder(tmp_path / "Bounces", str(path))
    presets = Presets()
    prepared = presets.get(folder)
    assert presets.get(folder) is prepared
    assert prepared.name == str(path)
    assert prepared.preset_hash == preset_hash(load_preset(str(path), ()), Options().shaping())
    (gain,) = prepared.board
    assert isinstance(gain, Gain)
    assert gain.gain_db == pytest.approx(-6)
    assert (prepared.model, prepared.uses_gpu, prepared.message) == (None, False, None)


def test_a_chain_file_that_was_changed_is_read_again(tmp_path: Path) -> None:
    path = chain_file(tmp_path)
    folder = watch_folder(tmp_path / "Bounces", str(path))
    presets = Presets()
    before = presets.get(folder)
    chain_file(tmp_path, HALF.replace("-6", "-12"), 10**18 + 1)
    after = presets.get(folder)
    assert after.preset_hash != before.preset_hash


def test_a_chain_file_that_is_broken_or_gone_is_an_error_and_can_be_mended(tmp_path: Path) -> None:
    path = chain_file(tmp_path)
    folder = watch_folder(tmp_path / "Bounces", str(path))
    presets = Presets()
    before = presets.get(folder)
    chain_file(tmp_path, "no chain", 10**18 + 1)
    with pytest.raises(ChainError):
        presets.get(folder)
    path.unlink()
    with pytest.raises(RebounceError):
        presets.get(folder)
    chain_file(tmp_path, HALF, 10**18 + 2)
    assert presets.get(folder).preset_hash == before.preset_hash


def test_the_options_of_the_folder_shape_the_result_and_so_its_hash(tmp_path: Path) -> None:
    presets = Presets()
    plain = presets.get(watch_folder(tmp_path / "a"))
    flac = presets.get(watch_folder(tmp_path / "b", file_format="flac", bit_depth="24"))
    assert (flac.options.file_format, flac.options.bit_depth) == ("flac", "24")
    assert plain.preset_hash != flac.preset_hash
    kept = presets.get(watch_folder(tmp_path / "c", keep_mtime=True))
    assert kept.options.keep_mtime
    assert kept.preset_hash == plain.preset_hash


def test_the_strength_of_the_folder_counts(tmp_path: Path) -> None:
    path = chain_file(tmp_path)
    presets = Presets()
    whole = presets.get(watch_folder(tmp_path / "a", str(path)))
    half = presets.get(watch_folder(tmp_path / "b", str(path), strength=50))
    assert whole.preset_hash != half.preset_hash


def test_another_preset_may_be_asked_for_one_bounce(tmp_path: Path) -> None:
    path = chain_file(tmp_path)
    folder = watch_folder(tmp_path / "Bounces", "bypass")
    presets = Presets()
    assert list(presets.get(folder).board) == []
    assert len(presets.get(folder, str(path)).board) == 1
    assert presets.get(folder).name == "bypass"


def test_a_preset_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RebounceError, match="no-such-preset"):
        Presets().get(watch_folder(tmp_path / "Bounces", "no-such-preset"))

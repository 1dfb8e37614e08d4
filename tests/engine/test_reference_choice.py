from pathlib import Path

import numpy as np
import pytest
import soundfile
from signals import noise

from rebounce.engine.board import Board
from rebounce.engine.denoise import Denoise
from rebounce.engine.errors import UsageError
from rebounce.engine.preset import load_preset
from rebounce.engine.reference_choice import with_reference
from rebounce.engine.repair.correct_tone import CorrectTone

RATE = 44_100


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    path = tmp_path / "reference.wav"
    soundfile.write(path, noise(5 * RATE, level=0.2).T, RATE)
    return path


def test_without_a_reference_the_chain_stays_as_it_is() -> None:
    board = load_preset("five-stage")
    assert with_reference(board, None, "five-stage") is board


def test_a_plugin_that_takes_one_gets_it_wherever_it_stands(reference: Path) -> None:
    plugin = CorrectTone()
    with_reference(Board([Board([plugin]), Denoise()]), reference, "mine.toml")
    assert Path(plugin.reference) == reference


def test_after_auto_such_a_plugin_is_added(reference: Path) -> None:
    board = with_reference(load_preset("auto"), reference, "auto")
    assert [table["plugin"] for table in board.settings()["chain"]] == ["Auto", "CorrectTone"]


def test_a_chain_that_has_no_use_for_one_is_refused(reference: Path) -> None:
    with pytest.raises(UsageError, match=r"no plugin of preset 'five-stage' uses one; .* the preset auto"):
        with_reference(load_preset("five-stage"), reference, "five-stage")


def test_a_reference_that_is_not_there_is_refused_before_anything_else(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected an audio file to match"):
        with_reference(load_preset("auto"), tmp_path / "nothing.wav", "auto")


def test_another_reference_is_another_result(reference: Path, tmp_path: Path) -> None:
    from rebounce.engine.preset import preset_hash

    other = tmp_path / "other.wav"
    soundfile.write(other, noise(5 * RATE, seed=3).T, RATE)
    hashes = {preset_hash(with_reference(load_preset("auto"), track, "auto"), {}) for track in (None, reference, other)}
    assert len(hashes) == 3


def test_a_file_restored_with_a_reference_is_as_loud_as_that(reference: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, noise(5 * RATE, seed=1, level=0.02).T, RATE, subtype="FLOAT")
    record = with_reference(load_preset("auto"), reference, "auto").restore_file(source, tmp_path / "out.wav")
    assert record.status == "restored"
    assert abs(20 * np.log10(np.std(soundfile.read(tmp_path / "out.wav")[0]) / 0.2)) < 0.2

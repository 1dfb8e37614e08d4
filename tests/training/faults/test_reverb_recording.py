from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from rebounce.engine.audio import Audio
from rebounce.engine.errors import RecipeError, UnreadableFile
from rebounce.training.faults.fault import apply_fault, draw_fault
from rebounce.training.faults.reverb import Reverb
from rebounce.training.faults.reverb_level import tail_energy

RATE_HZ = 48_000


def write_response(path: Path, rate_hz: int = RATE_HZ, seed: int = 0, channels: int = 2) -> Audio:
    """A direct sound at 20 ms and, from 10 ms after it on, a tail that falls by 60 dB in 0.3 s."""
    response = np.random.default_rng(seed).normal(0, 0.1, (channels, rate_hz // 2))
    after = np.arange(rate_hz // 2) - round(0.03 * rate_hz)
    response *= np.where(after < 0, 0, np.exp(-3 * np.log(10) / 0.3 * after / rate_hz))
    response[:, round(0.02 * rate_hz)] = 0.9
    soundfile.write(path, response.T, rate_hz, subtype="FLOAT")
    return response.astype(np.float32)


def drawn(folder: Path, seed: int = 0, **given: Any) -> dict[str, Any]:
    ranges = {"kind": "recorded", "folder": str(folder), "predelay_ms": 0, "drr_db": 0}
    return draw_fault(Reverb(), np.random.default_rng(seed), ranges | given)


def heard(parameters: dict[str, Any], channels: int = 2, rate_hz: int = RATE_HZ) -> Audio:
    """What comes of an impulse in every channel at frame 0."""
    impulse = np.zeros((channels, rate_hz), dtype=np.float32)
    impulse[:, 0] = 1
    return apply_fault(Reverb(), impulse, rate_hz, parameters)


def test_the_tail_is_the_recordings_without_its_direct_sound(tmp_path: Path) -> None:
    recorded = write_response(tmp_path / "hall.wav")
    made = heard(drawn(tmp_path))
    np.testing.assert_allclose(made[:, 0], 1, atol=1e-6)
    tail = made[:, 1:]
    np.testing.assert_allclose(tail[:, : 480 - 1], 0, atol=1e-6)
    expected = recorded[:, round(0.03 * RATE_HZ) :]
    gain = 1 / np.sqrt(tail_energy(expected, RATE_HZ))
    np.testing.assert_allclose(tail[:, 480 : 480 + 9_600], gain * expected[:, :9_600], atol=1e-5)


@pytest.mark.parametrize("asked_db", [-6.0, 12.0])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(("file_rate_hz", "rate_hz"), [(44_100, 48_000), (96_000, 22_050)])
def test_the_ratio_is_as_asked_at_any_rate_and_number_of_channels(
    asked_db: float, channels: int, file_rate_hz: int, rate_hz: int, tmp_path: Path
) -> None:
    write_response(tmp_path / "hall.wav", file_rate_hz)
    made = heard(drawn(tmp_path, drr_db=asked_db), channels, rate_hz).astype(np.float64)
    np.testing.assert_allclose(made[:, 0], 1, atol=1e-6)
    assert -10 * np.log10(tail_energy(made[:, 1:].astype(np.float32), rate_hz)) == pytest.approx(asked_db, abs=0.2)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_silent_channel_of_a_recording_is_passed_over(channels: int, tmp_path: Path) -> None:
    recorded = write_response(tmp_path / "hall.wav")
    recorded[0, round(0.021 * RATE_HZ) :] = 0
    soundfile.write(tmp_path / "hall.wav", recorded.T, RATE_HZ, subtype="FLOAT")
    tail = heard(drawn(tmp_path), channels)[:, 1:]
    assert -10 * np.log10(tail_energy(tail, RATE_HZ)) == pytest.approx(0, abs=0.2)
    np.testing.assert_array_equal(tail, tail[:1].repeat(channels, axis=0))


def test_files_are_drawn_by_name_and_each_has_its_turn(tmp_path: Path) -> None:
    for name in ("b.WAV", "a.wav", "c.wav", "notes.txt"):
        write_response(tmp_path / "response.tmp.wav")
        (tmp_path / "response.tmp.wav").rename(tmp_path / name)
    names = [drawn(tmp_path, seed)["file"] for seed in range(40)]
    assert set(names) == {"a.wav", "b.WAV", "c.wav"}
    assert names == [drawn(tmp_path, seed)["file"] for seed in range(40)]


def test_a_file_that_changed_since_it_was_drawn_is_refused(tmp_path: Path) -> None:
    write_response(tmp_path / "hall.wav")
    parameters = drawn(tmp_path)
    write_response(tmp_path / "hall.wav", seed=1)
    with pytest.raises(UnreadableFile, match=r"hall\.wav: expected the impulse response that was drawn.*found another"):
        heard(parameters)
    (tmp_path / "hall.wav").unlink()
    with pytest.raises(UnreadableFile, match=r"hall\.wav: .*found none"):
        heard(parameters)


def test_a_recording_of_nothing_but_the_direct_sound_is_refused(tmp_path: Path) -> None:
    dry = np.zeros((RATE_HZ // 10, 1), dtype=np.float32)
    dry[1_000] = 1
    soundfile.write(tmp_path / "dry.wav", dry, RATE_HZ, subtype="FLOAT")
    with pytest.raises(UnreadableFile, match=r"dry\.wav: expected an impulse response with a tail.*take the file out"):
        heard(drawn(tmp_path))


def test_a_tail_that_no_music_would_be_heard_through_is_refused(tmp_path: Path) -> None:
    time = np.arange(RATE_HZ // 2)
    whistle = np.exp(-time / 5_000) * np.sin(2 * np.pi * 0.4 * time) * np.hanning(time.size)
    whistle[0] = 1.5
    soundfile.write(tmp_path / "whistle.wav", whistle, RATE_HZ, subtype="FLOAT")
    with pytest.raises(UnreadableFile, match=r"whistle\.wav: .*none .*between 50 and 3500 Hz"):
        heard(drawn(tmp_path))


def test_a_folder_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="expected impulse responses as WAV files"):
        drawn(tmp_path)
    with pytest.raises(RecipeError, match="expected folder = a folder of impulse responses"):
        drawn(tmp_path / "nowhere")
    with pytest.raises(RecipeError, match="expected folder = a folder of impulse responses"):
        draw_fault(Reverb(), np.random.default_rng(0), {"kind": "recorded"})

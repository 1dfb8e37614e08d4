"""A reference is read once, is known by its content, and is refused with a reason."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.engine.repair.reference_tone import read_reference

RATE = 44_100


def written(path: Path, audio: Audio, rate_hz: int = RATE) -> Path:
    soundfile.write(path, audio.T, rate_hz)
    return path


def test_it_is_known_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    first, second = (written(tmp_path / name, noise(2 * RATE)) for name in ("a.wav", "b.wav"))
    found = read_reference(first)
    assert found.content_hash == hashlib.sha256(first.read_bytes()).hexdigest()
    assert found.content_hash == read_reference(second).content_hash
    assert found.tone.seconds == 2


def test_it_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", noise(2 * RATE))
    first = read_reference(path)
    assert read_reference(path, first) is first
    written(path, noise(3 * RATE))
    assert read_reference(path, first).tone.seconds == 3


@pytest.mark.parametrize(
    ("audio", "reason"),
    [
        (np.zeros((2, 2 * RATE), dtype=np.float32), "nothing but silence"),
        (noise(RATE // 2), "0.50 s long, expected at least 1 s"),
        (noise(0), "0.00 s long"),
    ],
)
def test_silence_and_scraps_are_refused(tmp_path: Path, audio: Audio, reason: str) -> None:
    path = written(tmp_path / "a.wav", audio)
    with pytest.raises(UsageError, match=f"a.wav: {reason}"):
        read_reference(path)


def test_what_is_missing_or_no_audio_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"reference .*nowhere.wav: cannot be read"):
        read_reference(tmp_path / "nowhere.wav")
    with pytest.raises(UsageError, match=r"reference .*a folder"):
        read_reference(tmp_path)
    (tmp_path / "a.wav").write_text("not audio")
    with pytest.raises(UsageError, match=r"reference .*not an audio file"):
        read_reference(tmp_path / "a.wav")


@pytest.mark.parametrize(("channels", "rate_hz"), [(1, 8_000), (2, 96_000), (6, 48_000)])
def test_any_rate_and_any_number_of_channels_will_do(tmp_path: Path, channels: int, rate_hz: int) -> None:
    tone = read_reference(written(tmp_path / "a.wav", noise(2 * rate_hz, channels), rate_hz)).tone
    assert tone.powers.shape[0] == (2 if channels == 2 else 1)
    assert tone.powers.any()


def test_a_reference_far_above_full_scale_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    soundfile.write(path, noise(2 * RATE, level=1e4).T, RATE, subtype="FLOAT")
    with pytest.raises(UsageError, match="far above full scale"):
        read_reference(path)

"""Hours of audio: exact length, constant memory, and files past 4 GB."""

import sys
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.measure import peak_memory_mib

REBOUNCE = str(Path(sys.executable).with_name("rebounce"))
RATE_HZ = 44_100


def write_noise(path: Path, seconds: int, subtype: str = "PCM_16", channels: int = 2) -> Path:
    rng = np.random.default_rng(0)
    piece = rng.normal(0, 0.05, (RATE_HZ * 10, channels)).astype(np.float32)
    container = "RF64" if seconds * RATE_HZ * channels * 4 > 2**32 else "WAV"
    with soundfile.SoundFile(path, "w", RATE_HZ, channels, subtype, format=container) as file:
        for _ in range(seconds // 10):
            file.write(np.roll(piece, int(rng.integers(RATE_HZ)), axis=0))
    return path


def test_two_hours_keep_their_length_in_constant_memory(tmp_path: Path) -> None:
    peaks = {}
    for minutes in (2, 120):
        source = write_noise(tmp_path / f"{minutes}.wav", minutes * 60)
        command = (REBOUNCE, "restore", str(source), "-o", str(tmp_path / "out"), "--preset", "five-stage", "-q")
        peaks[minutes] = peak_memory_mib(*command)
        assert soundfile.info(tmp_path / "out" / source.name).frames == minutes * 60 * RATE_HZ
    assert peaks[120] - peaks[2] < 32


def test_a_file_past_4_gb_comes_back_whole(tmp_path: Path) -> None:
    source = write_noise(tmp_path / "long.wav", 13_600, subtype="FLOAT")
    assert source.stat().st_size > 2**32
    chain = tmp_path / "chain.toml"
    chain.write_text('[[chain]]\nplugin = "Gain"\ngain_db = -1\n', encoding="utf-8")
    peak_memory_mib(REBOUNCE, "restore", str(source), "-o", str(tmp_path / "out"), "--preset", str(chain), "-q")
    result = soundfile.info(tmp_path / "out" / "long.wav")
    assert (result.frames, result.format) == (13_600 * RATE_HZ, "RF64")
    with soundfile.SoundFile(source) as before, soundfile.SoundFile(tmp_path / "out" / "long.wav") as after:
        for file in (before, after):
            file.seek(13_599 * RATE_HZ)
        expected = before.read(dtype="float32") * np.float32(10 ** (-1 / 20))
        assert np.abs(after.read(dtype="float32") - expected).max() < 1e-7

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from page_folders import RATE_HZ, mix

from rebounce.engine.audio import Audio
from rebounce.engine.source import AudioInfo, Source, open_source
from rebounce.watchers.web import preview as module
from rebounce.watchers.web.preview import Preview, preview_rate_hz, previews_of


def written(path: Path, audio: Audio, subtype: str, rate_hz: int = RATE_HZ) -> Path:
    soundfile.write(path, audio.T, rate_hz, subtype=subtype)
    return path


def heard(path: Path, seconds: float = 600.0) -> tuple[Audio, int]:
    """The preview of a file, made and read back."""
    place = path.with_name("preview.wav")
    with open_source(path) as source:
        preview = Preview(source.info, seconds)
        preview.write(place, (block.audio for block in source.blocks()))
    assert place.stat().st_size == preview.size
    audio, rate_hz = soundfile.read(place, dtype="float32", always_2d=True)
    assert (rate_hz, audio.shape) == (preview.rate_hz, (preview.frames, preview.channels))
    return audio.T, rate_hz


def test_sixteen_bits_are_exact(tmp_path: Path) -> None:
    audio = np.round(mix(0.5) * 32_768) / np.float32(32_768)
    preview, rate_hz = heard(written(tmp_path / "a.aiff", audio, "PCM_16"))
    assert rate_hz == RATE_HZ
    np.testing.assert_array_equal(preview, audio)


def test_more_bits_are_within_the_dither(tmp_path: Path) -> None:
    audio = mix(0.5)
    preview, _ = heard(written(tmp_path / "a.aiff", audio, "PCM_24"))
    assert 0.2 / 32_768 < np.abs(preview - audio).max() <= 1.5 / 32_768 + 1e-6


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_what_passes_full_scale_is_kept(tmp_path: Path, subtype: str) -> None:
    audio = mix(0.5) * 20
    assert np.abs(audio).max() > 2
    preview, _ = heard(written(tmp_path / "a.w64", audio, subtype))
    np.testing.assert_array_equal(preview, audio)


def test_what_a_coder_put_above_full_scale_is_kept(tmp_path: Path) -> None:
    audio = mix(2)
    audio *= np.float32(0.999) / np.abs(audio).max()
    path = written(tmp_path / "a.ogg", (np.sign(audio) * np.abs(audio) ** 0.2).astype(np.float32), "VORBIS")
    decoded, _ = soundfile.read(path, dtype="float32")
    assert np.abs(decoded).max() > 1.05
    np.testing.assert_array_equal(heard(path)[0], decoded.T)


@pytest.mark.parametrize(
    ("rate_hz", "wanted_hz"),
    [
        (8_000, 8_000),
        (44_100, 44_100),
        (48_000, 48_000),
        (88_200, 44_100),
        (96_000, 48_000),
        (96_001, 48_000),
        (176_400, 44_100),
        (192_000, 48_000),
    ],
)
def test_the_rate_is_bounded(rate_hz: int, wanted_hz: int) -> None:
    assert preview_rate_hz(rate_hz) == wanted_hz


def test_a_high_rate_is_heard_at_a_lower_one_at_the_same_place(tmp_path: Path) -> None:
    time_s = np.arange(96_000) / 96_000
    tone = 0.5 * np.sin(2 * np.pi * 997 * time_s)[None].astype(np.float32)
    preview, rate_hz = heard(written(tmp_path / "a.aiff", tone, "PCM_24", 96_000))
    assert rate_hz == 48_000
    inner = slice(1_000, -1_000)  # the tone begins and ends abruptly
    assert np.abs(preview[:, inner] - tone[:, ::2][:, inner]).max() < 3 / 32_768


def test_it_ends_where_it_is_told_and_the_whole_file_is_walked(tmp_path: Path) -> None:
    walked: list[int] = []

    def blocks(source: Source) -> Iterator[Audio]:
        for block in source.blocks():
            walked.append(block.frames)
            yield block.audio

    with open_source(written(tmp_path / "a.aiff", mix(4), "PCM_16")) as source:
        Preview(source.info, 1.0).write(tmp_path / "b.wav", blocks(source))
    assert sum(walked) == 4 * RATE_HZ
    assert soundfile.info(tmp_path / "b.wav").frames == RATE_HZ


def test_two_channels_are_heard_of_many(tmp_path: Path) -> None:
    audio = np.vstack([mix(0.5), mix(0.5, seed=1)])
    preview, _ = heard(written(tmp_path / "a.aiff", audio, "PCM_16"))
    assert np.abs(preview - audio[:2]).max() < 1 / 32_768


def test_a_file_without_a_frame_has_a_preview_without_one(tmp_path: Path) -> None:
    assert heard(written(tmp_path / "a.aiff", mix(0.5)[:, :0], "PCM_16"))[0].shape == (2, 0)


def info(hours: float, rate_hz: int, subtype: str) -> AudioInfo:
    frames = round(hours * 3600 * rate_hz)
    return AudioInfo(
        path=Path("a"), container="W64", subtype=subtype, sample_rate_hz=rate_hz, channels=2, frames=frames
    )


@pytest.mark.parametrize("subtype", ["PCM_24", "DOUBLE"])
@pytest.mark.parametrize("rate_hz", [44_100, 192_000])
def test_previews_of_long_files_keep_within_their_bound_and_are_of_one_length(rate_hz: int, subtype: str) -> None:
    previews = previews_of({"before": info(2, rate_hz, subtype), "after": info(2, rate_hz, "PCM_24")})
    assert sum(preview.size for preview in previews.values()) <= module.LARGEST_BYTES + 1000
    lengths = {round(preview.duration_s, 3) for preview in previews.values()}
    assert len(lengths) == 1
    assert min(lengths) >= 390

"""What a page lets people hear: the right stretch, exactly, at matched loudness."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from signals import noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UnreadableFile
from rebounce.engine.excerpt import Excerpt, Side, cut_excerpt, matched_gains
from rebounce.engine.overview import overview_of

ROOMY = 1e9


def written(path: Path, audio: Audio, rate: int = 44_100, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, audio.T, rate, subtype=subtype)
    return path


def heard(side: Side) -> tuple[Audio, int]:
    audio, rate = soundfile.read(io.BytesIO(base64.b64decode(side.address.split(",", 1)[1])), dtype="float32")
    return np.atleast_2d(audio.T), rate


def cut(before: Path, after: Path, most_bytes: float = ROOMY) -> Excerpt:
    excerpt = cut_excerpt(before, after, overview_of(before), most_bytes)
    assert excerpt is not None
    return excerpt


def test_sixteen_bits_come_through_exactly(tmp_path: Path) -> None:
    before = written(tmp_path / "a.wav", noise(100_000, seed=1))
    after = written(tmp_path / "b.wav", noise(100_000, seed=2))
    excerpt = cut(before, after)
    for path, side in ((before, excerpt.before), (after, excerpt.after)):
        expected = soundfile.read(path, dtype="float32")[0].T
        assert np.array_equal(heard(side)[0], expected)
        assert side.address.startswith("data:audio/flac;base64,")


def test_more_than_sixteen_bits_are_dithered_within_one_and_a_half_steps(tmp_path: Path) -> None:
    audio = noise(60_000, seed=3)
    path = written(tmp_path / "a.wav", audio, subtype="FLOAT")
    error = (heard(cut(path, path).before)[0] - audio) * 32_768
    assert np.abs(error).max() <= 1.5 + 1e-3
    # Triangular dither of 1 LSB and rounding: 1/6 + 1/12 of a squared step, and no bias.
    assert np.mean(error**2) == pytest.approx(0.25, rel=0.05)
    assert abs(np.mean(error)) < 0.01


def test_the_stretch_is_the_loudest_and_the_same_on_both_sides(tmp_path: Path) -> None:
    audio = noise(44_100 * 40, channels=1, level=0.01)
    audio[:, 44_100 * 5 : 44_100 * 36] *= 10
    audio = np.round(audio * 32_768) / np.float32(32_768)
    before = written(tmp_path / "a.wav", audio)
    after = written(tmp_path / "b.wav", -audio)
    excerpt = cut(before, after)
    assert excerpt.length_s == pytest.approx(30.0)
    assert 5.0 <= excerpt.start_s + 0.05 <= 6.1
    assert np.array_equal(heard(excerpt.before)[0], -heard(excerpt.after)[0])


def test_another_rate_after_is_cut_at_the_same_seconds(tmp_path: Path) -> None:
    def pulse(rate: int) -> Audio:
        audio = np.zeros((1, 40 * rate), dtype=np.float32)
        audio[0, 20 * rate] = 0.9
        return audio

    excerpt = cut(
        written(tmp_path / "a.wav", pulse(32_000), 32_000), written(tmp_path / "b.wav", pulse(44_100), 44_100)
    )
    (before, slow), (after, fast) = heard(excerpt.before), heard(excerpt.after)
    assert (slow, fast) == (32_000, 44_100)
    assert before.argmax() / slow == pytest.approx(after.argmax() / fast, abs=1 / 32_000)
    assert before.argmax() / slow == pytest.approx(20.0 - excerpt.start_s, abs=1 / 32_000)


def test_both_sides_play_equally_loud_and_only_the_louder_is_turned_down(tmp_path: Path) -> None:
    quiet = written(tmp_path / "a.wav", tone(997.0, 88_200, level=0.05), subtype="FLOAT")
    loud = written(tmp_path / "b.wav", tone(997.0, 88_200, level=0.2), subtype="FLOAT")
    excerpt = cut(quiet, loud)
    assert excerpt.before.matched_gain == 1.0
    assert excerpt.after.matched_gain == pytest.approx(0.25, rel=1e-3)
    assert (excerpt.before.plain_gain, excerpt.after.plain_gain) == (1.0, 1.0)


def test_peaks_beyond_full_scale_are_kept_by_the_gain_and_never_played_clipped(tmp_path: Path) -> None:
    wild = written(tmp_path / "a.wav", tone(997.0, 88_200, level=8.0), subtype="FLOAT")
    tame = written(tmp_path / "b.wav", tone(997.0, 88_200, level=0.5), subtype="FLOAT")
    excerpt = cut(wild, tame)
    played = [np.abs(heard(side)[0]).max() * side.plain_gain for side in (excerpt.before, excerpt.after)]
    assert played[0] == pytest.approx(1.0, rel=1e-3)
    assert played[0] / played[1] == pytest.approx(16.0, rel=1e-3)
    matched = [np.abs(heard(side)[0]).max() * side.matched_gain for side in (excerpt.before, excerpt.after)]
    assert matched[0] == pytest.approx(matched[1], rel=1e-2)


def test_unknown_loudness_leaves_the_gains_alone() -> None:
    assert matched_gains([None, -20.0], [0.5, 0.5]) == [1.0, 1.0]


def test_a_small_share_gets_a_shorter_stretch_or_mp3_and_stays_within_it(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", noise(32_000 * 20, channels=1, seed=4), rate=32_000)
    whole = cut(path, path)
    size = len(whole.before.address) + len(whole.after.address)
    for share, codec in ((0.7, "FLAC"), (0.3, "MP3")):
        excerpt = cut(path, path, share * size)
        assert excerpt.codec.startswith(codec)
        assert len(excerpt.before.address) + len(excerpt.after.address) <= share * size
        assert 4.0 <= excerpt.length_s < 20.0
    assert cut_excerpt(path, path, overview_of(path), 10_000) is None


def test_a_rate_that_no_codec_takes_has_no_excerpt(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", noise(96_001), rate=96_001)
    assert cut_excerpt(path, path, overview_of(path), ROOMY) is None


def test_a_file_that_went_away_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", noise(1_000))
    with pytest.raises(UnreadableFile, match=r"gone\.wav"):
        cut_excerpt(path, tmp_path / "gone.wav", overview_of(path), ROOMY)

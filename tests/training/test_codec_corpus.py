"""Music as one file: what stands in it, what is drawn from it, and when it is read anew."""

from pathlib import Path

import numpy as np
import pytest
from commands import write
from signals import noise

from rebounce.engine.errors import UsageError
from rebounce.training.codec_corpus import Corpus, CorpusTrack, corpus_of, open_corpus
from rebounce.training.tracks import Track, find_tracks, split_of

RATE_HZ = 8_000


def counting(*lengths: int) -> Corpus:
    """Tracks in which each sample is its own number."""
    samples = np.arange(sum(lengths), dtype=np.int16)[:, np.newaxis].repeat(2, axis=1)
    ends = np.cumsum(lengths)
    tracks = [
        CorpusTrack(name=str(number), sha256="0" * 64, licence="", first_frame=int(end) - length, frames=length)
        for number, (end, length) in enumerate(zip(ends, lengths, strict=True))
    ]
    return Corpus(samples=samples, sample_rate_hz=RATE_HZ, tracks=tuple(tracks))


def unlicensed(track: Track) -> str:
    return ""


def found(folder: Path) -> list[Track]:
    return find_tracks([folder]).tracks


def test_every_place_of_every_track_is_drawn_as_often_and_no_piece_spans_two() -> None:
    corpus = counting(10, 3, 12)
    generator = np.random.default_rng(0)
    first = [round(float(corpus.piece(4, generator)[0, 0]) * 32_767) for _ in range(16_000)]
    places, counts = np.unique(first, return_counts=True)
    assert places.tolist() == [*range(7), *range(13, 22)]  # none of the track that is too short
    assert np.abs(counts / 1000 - 1).max() < 0.15  # five standard deviations


def test_a_piece_is_a_stretch_of_both_channels() -> None:
    piece = counting(10).piece(10, np.random.default_rng(0))
    assert piece.dtype == np.float32
    assert np.array_equal(piece, np.arange(10, dtype=np.float32)[np.newaxis].repeat(2, axis=0) / np.float32(32_767))


def test_silence_is_passed_over_and_music_without_sound_refused() -> None:
    corpus = counting(100)
    corpus.samples[:50] = 0
    piece, level = corpus.sounding_piece(10, 1e-5, np.random.default_rng(0))
    assert level == pytest.approx(float(np.sqrt(np.mean(piece**2))))
    assert level > 1e-5
    corpus.samples[:] = 0
    with pytest.raises(UsageError, match="are silent"):
        corpus.sounding_piece(10, 1e-5, np.random.default_rng(0))


def test_tracks_are_kept_as_they_are_and_loud_ones_turned_down_as_a_whole(tmp_path: Path) -> None:
    stereo, mono = noise(500) * 0.5, noise(300, channels=1, seed=1) * 0.5
    write(tmp_path / "in" / "a.wav", stereo, rate_hz=RATE_HZ)
    write(tmp_path / "in" / "b.wav", mono, rate_hz=RATE_HZ)
    write(tmp_path / "in" / "c.wav", stereo * np.float32(8), rate_hz=RATE_HZ, subtype="FLOAT")
    corpus = corpus_of(found(tmp_path / "in"), lambda track: f"of {track.path.name}", tmp_path / "corpus", RATE_HZ)
    assert [(track.name, track.licence, track.frames) for track in corpus.tracks] == [
        ("a.wav", "of a.wav", 500),
        ("b.wav", "of b.wav", 300),
        ("c.wav", "of c.wav", 500),
    ]
    ours = [corpus.samples[t.first_frame : t.first_frame + t.frames].T / 32_767 for t in corpus.tracks]
    assert np.abs(ours[0] - stereo).max() < 1e-4
    assert np.abs(ours[1] - mono).max() < 1e-4
    assert np.abs(ours[2] - stereo / np.abs(stereo).max()).max() < 1e-4


def test_a_corpus_is_read_once_and_anew_when_anything_is_another(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "in" / f"{number}.wav", noise(400, seed=number), rate_hz=RATE_HZ)
    path, told = tmp_path / "corpus", list[str]()

    def made(rate_hz: int = RATE_HZ, licence: str = "") -> Corpus:
        return corpus_of(found(tmp_path / "in"), lambda track: licence, path, rate_hz, told.append)

    first = made()
    assert told == [f"reading 3 tracks into {path}"]
    again = made()
    assert len(told) == 1
    assert np.array_equal(first.samples, again.samples)
    assert first.music_sha256 == again.music_sha256
    assert made(licence="CC0").tracks[0].licence == "CC0"
    assert made(rate_hz=16_000).tracks[0].frames == 800
    (tmp_path / "in" / "1.wav").unlink()
    assert [track.name for track in made(rate_hz=16_000).tracks] == ["0.wav", "2.wav"]
    assert len(told) == 4
    assert made(rate_hz=16_000).music_sha256 != first.music_sha256


@pytest.mark.parametrize("damage", [slice(0, -1), slice(0, 10), slice(0, 0), slice(1000, None)])
def test_a_file_that_is_not_whole_is_no_corpus(tmp_path: Path, damage: slice) -> None:
    write(tmp_path / "in" / "a.wav", noise(400), rate_hz=RATE_HZ)
    path = tmp_path / "corpus"
    whole = corpus_of(found(tmp_path / "in"), unlicensed, path, RATE_HZ).samples.copy()
    path.write_bytes(path.read_bytes()[damage])
    assert open_corpus(path) is None
    again = corpus_of(found(tmp_path / "in"), unlicensed, path, RATE_HZ)
    assert np.array_equal(again.samples, whole)


def test_a_split_holds_the_tracks_whose_content_falls_there() -> None:
    corpus = counting(*[5] * 40)
    tracks = [
        CorpusTrack(name=str(n), sha256=f"{n * 6 % 256:02x}" + "0" * 62, licence="", first_frame=5 * n, frames=5)
        for n in range(40)
    ]
    corpus = Corpus(samples=corpus.samples, sample_rate_hz=RATE_HZ, tracks=tuple(tracks))
    parts = {split: corpus.of_splits(split).tracks for split in ("train", "validation", "test")}
    assert all(split_of(track.sha256) == split for split, part in parts.items() for track in part)
    assert sum(len(part) for part in parts.values()) == 40
    assert min(len(part) for part in parts.values()) > 0
    assert corpus.of_splits("train", "test").tracks == tuple(t for t in tracks if t.split != "validation")

"""What a codec learned from, as it is told with its weights."""

from pathlib import Path

import numpy as np
import pytest

from rebounce.engine.errors import ConfigError
from rebounce.training.codec_card import data_card, licences_in, write_data_card
from rebounce.training.codec_corpus import Corpus, CorpusTrack
from rebounce.training.tracks import Track


def track(name: str) -> Track:
    return Track(path=Path(name), sha256="ab", frames=1, sample_rate_hz=1, channels=1)


def test_the_first_pattern_that_fits_a_name_says_its_licence(tmp_path: Path) -> None:
    (tmp_path / "licences.toml").write_text('"one.wav" = "CC0"\n"[!o]*.wav" = "CC BY 4.0, A. Nyone"\n"*" = "own"\n')
    licences = licences_in([tmp_path / "nothing here", tmp_path])
    names = ("in/a/folder/one.wav", "two.wav", "other.wav")
    assert [licences(track(name)) for name in names] == ["CC0", "CC BY 4.0, A. Nyone", "own"]
    assert licences_in([])(track("one.wav")) == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("one.wav = 'CC0'", "expected 'one' = \"the licence\", found {'wav': 'CC0'}; quote names with a dot"),
        ("'one.wav' = ''", "found ''"),
        ("'one.wav'", "expected lines like"),
    ],
)
def test_a_list_of_licences_that_cannot_be_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "licences.toml").write_text(text)
    with pytest.raises(ConfigError) as problem:
        licences_in([tmp_path])
    assert told in str(problem.value)


def test_the_card_has_every_track_and_adds_up_the_licences(tmp_path: Path) -> None:
    names = [("a|b.wav", "CC0", 480), ("c.wav", "", 960), ("d.wav", "CC0", 480)]
    tracks = tuple(
        CorpusTrack(name=name, sha256=f"hash of {name[0]}", licence=licence, first_frame=0, frames=frames)
        for name, licence, frames in names
    )
    card = data_card(Corpus(samples=np.zeros((0, 2), dtype=np.int16), sample_rate_hz=8, tracks=tracks))
    assert card.startswith("3 tracks, 4.0 minutes.\n\n- CC0: 2.0 minutes\n- not stated: 2.0 minutes\n")
    assert "| a\\|b.wav | CC0 | 60.0 | hash of a |\n| c.wav | not stated | 120.0 | hash of c |\n" in card
    write_data_card("older", tmp_path / "card.md")
    write_data_card(card, tmp_path / "card.md")
    assert (tmp_path / "card.md").read_text() == card

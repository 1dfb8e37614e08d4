from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebounce.engine.batch_plan import AUDIO_SUFFIXES
from rebounce.engine.staging import part_path
from rebounce.watchers.names import is_ignored_folder, why_ignored

STEMS = st.text(st.characters(exclude_characters="/\0"), min_size=1).filter(
    lambda stem: not stem.startswith((".", "~")) and not stem.isspace()
)


@given(stem=STEMS, suffix=st.sampled_from(AUDIO_SUFFIXES), is_upper=st.booleans())
def test_audio_is_looked_at_in_any_folder_and_whatever_the_case_of_its_suffix(
    stem: str, suffix: str, is_upper: bool
) -> None:
    name = stem + (suffix.upper() if is_upper else suffix)
    assert why_ignored(name) is None
    assert why_ignored(PurePosixPath("Album") / name) is None
    assert not is_ignored_folder(PurePosixPath("Album"))


@pytest.mark.parametrize(
    "path",
    [
        "._Mix.wav",
        ".DS_Store",
        ".Mix.wav",
        ".wav",
        "Mix.wav.tmp",
        "Mix.TMP",
        "Mix.wav.part",
        "Mix.wav.crdownload",
        "Mix.wav.Partial",
        "Mix.wav.filepart",
        "Mix.wav~",
        "~$Mix.wav",
        "~syncthing~Mix.wav",
        "Thumbs.db",
        "desktop.ini",
        "Icon\r",
        "Mix.wav.reapeaks",
        "Mix.wav.asd",
        ".rebounce/claims/x.wav",
        "Album/._Mix.wav",
        "Album/.AppleDouble/Mix.wav",
        "__MACOSX/Album/Mix.wav",
        "$RECYCLE.BIN/Mix.wav",
        "#recycle/Mix.wav",
        "Album/@eaDir/Mix.wav",
        "lost+found/Mix.wav",
    ],
)
def test_junk_is_told_apart(path: str) -> None:
    found = why_ignored(path)
    assert found is not None
    assert found.is_junk
    assert found.reason


def test_our_own_parts_are_junk_whatever_the_length_of_the_name() -> None:
    for stem in ("Mix", "ü" * 126):
        found = why_ignored(part_path(Path(f"{stem}.wav")).name)
        assert found is not None
        assert found.is_junk
        assert "temporary" in found.reason


@pytest.mark.parametrize(
    "name", ["Notes.txt", "Mix.mp4", "Mix", "Mix.wav.zip", "Session.als", "wav", "Mix.wavx", "Mix."]
)
def test_what_is_no_audio_is_worth_a_word(name: str) -> None:
    found = why_ignored(name)
    assert found is not None
    assert not found.is_junk


@pytest.mark.parametrize("name", ["Mix.tmp.wav", "~Mix.wav", "Mix~.wav", "partial.wav", "tmp.flac", "a.download.mp3"])
def test_a_name_that_only_resembles_a_temporary_one_is_looked_at(name: str) -> None:
    assert why_ignored(name) is None


@pytest.mark.parametrize(
    ("folder", "is_ignored"),
    [(".rebounce", True), ("Album/.hidden/Disc 1", True), ("__MACOSX", True), ("Album/Disc 1", False), ("tmp", False)],
)
def test_a_folder_in_which_nothing_is_looked_at_need_not_be_walked(folder: str, is_ignored: bool) -> None:
    assert is_ignored_folder(folder) == is_ignored
    assert (why_ignored(f"{folder}/Mix.wav") is not None) == is_ignored

import os
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebounce.engine.staging import LONGEST_NAME_BYTES
from rebounce.watchers.numbering import next_number, numbered

stems = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=120)


@pytest.mark.parametrize(
    ("names", "number"),
    [
        ([], 1),
        (["Mix.wav"], 1),
        (["Mix (1).wav"], 2),
        (["Mix (1).wav", "Mix (2).wav", "Mix.wav"], 3),
        (["Mix (9).wav", "Mix (10).wav"], 11),
        (["Mix (7).json"], 8),
        (["MIX (3).WAV"], 4),
        (["Mix 2 (5).wav", "AMix (5).wav", "Mix (x).wav", "Mix(5).wav", "Mix (5)", "Mix (5) b.wav"], 1),
        (["Mix (1234567890).wav"], 1),
    ],
)
def test_the_next_number_follows_the_highest_of_the_stem(tmp_path: Path, names: list[str], number: int) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert next_number([tmp_path], "Mix") == number


def test_the_highest_number_of_several_folders_counts_and_folders_may_be_missing(tmp_path: Path) -> None:
    for folder, name in (("a", "Mix (2).wav"), ("b", "Mix (4).wav")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).touch()
    assert next_number([tmp_path / "a", tmp_path / "b", tmp_path / "c"], "Mix") == 5
    assert next_number([], "Mix") == 1


def test_what_means_something_in_a_pattern_is_only_a_name(tmp_path: Path) -> None:
    (tmp_path / "M.x (3).wav").touch()
    assert next_number([tmp_path], "M.x") == 4
    assert next_number([tmp_path], "M+x") == 1
    assert next_number([tmp_path], "Max") == 1


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("Restored/Mix.wav", "Restored/Mix (3).wav"),
        ("A/B/Mix.v2.flac", "A/B/Mix.v2 (3).flac"),
        ("Mix", "Mix (3)"),
        ("Mix (1).wav", "Mix (1) (3).wav"),
    ],
)
def test_a_number_stands_before_the_suffix(path: str, result: str) -> None:
    assert numbered(path, 3) == result


@given(stem=stems, number=st.integers(1, 10**6), suffix=st.sampled_from(["", ".wav", ".json"]))
def test_a_numbered_name_is_never_longer_than_the_system_allows(stem: str, number: int, suffix: str) -> None:
    name = PurePosixPath(numbered(f"Restored/x{stem}{suffix}", number)).name
    assert len(os.fsencode(name)) <= LONGEST_NAME_BYTES
    assert f" ({number})" in name


@given(stem=stems)
def test_a_number_keeps_the_stem_where_there_is_room(stem: str) -> None:
    name = f"x{stem}"
    if len(os.fsencode(name)) <= LONGEST_NAME_BYTES - len(" (1).wav"):
        assert numbered(f"{name}.wav", 1) == f"{name} (1).wav"

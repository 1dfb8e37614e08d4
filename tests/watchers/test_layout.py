import os
from pathlib import Path

import pytest

from rebounce.watchers.layout import Layout, beside, layout_of
from rebounce.watchers.settings import WatchFolder


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return layout_of(WatchFolder(path=tmp_path, restored="Out", done="Old", errors="Bad"), False, tmp_path / "state")


def test_on_a_disk_the_ledger_lies_in_the_folder_itself(layout: Layout) -> None:
    assert layout.ledger == layout.root / ".rebounce" / "ledger.sqlite"
    assert layout.claims == layout.root / ".rebounce" / "claims"
    assert layout.mark.parent == layout.private


def test_on_a_share_each_machine_has_a_ledger_of_its_own_and_the_claims_are_shared(tmp_path: Path) -> None:
    layout = layout_of(WatchFolder(path=tmp_path / "Bounces"), True, tmp_path / "state")
    assert layout.ledger.parent.parent == tmp_path / "state"
    assert layout.ledger.parent.name.startswith("Bounces-")
    assert layout.claims == tmp_path / "Bounces" / ".rebounce" / "claims"


def test_two_shares_of_one_name_have_ledgers_of_their_own_and_two_ways_to_one_share_one(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "Bounces").mkdir(parents=True)
    os.symlink(tmp_path / "a", tmp_path / "link")
    first, second, third = (
        layout_of(WatchFolder(path=tmp_path / name / "Bounces"), True, tmp_path / "state").ledger
        for name in ("a", "b", "link")
    )
    assert first != second
    assert first == third


def test_the_root_of_a_share_has_a_ledger_too(tmp_path: Path) -> None:
    assert layout_of(WatchFolder(path=Path("/")), True, tmp_path).state.name.startswith("root-")


def test_reserved_names_count_at_the_root_only(layout: Layout) -> None:
    assert layout.reserved == ("Out", "Old", "Bad", ".rebounce")
    assert layout.is_reserved("Out/Mix.wav")
    assert layout.is_reserved("Out")
    assert layout.is_reserved(".rebounce/ledger.sqlite")
    assert not layout.is_reserved("Album/Out/Mix.wav")
    assert not layout.is_reserved("Outtakes/Mix.wav")
    assert not layout.is_reserved("Restored/Mix.wav")


@pytest.mark.parametrize(
    ("path", "file_format", "result", "copy"),
    [
        ("Mix.wav", "keep", "Out/Mix.wav", "Out/Mix.wav"),
        ("A/B/Mix.flac", "keep", "Out/A/B/Mix.flac", "Out/A/B/Mix.flac"),
        ("A/Mix.mp3", "keep", "Out/A/Mix.wav", "Out/A/Mix.mp3"),
        ("Mix.wav", "flac", "Out/Mix.flac", "Out/Mix.flac"),
        ("Mix.mp3", "wav", "Out/Mix.wav", "Out/Mix.wav"),
    ],
)
def test_a_result_has_the_name_of_its_bounce_and_the_suffix_of_its_format(
    layout: Layout, path: str, file_format: str, result: str, copy: str
) -> None:
    assert layout.result(path, file_format) == result
    assert layout.copy(path, file_format) == copy
    assert layout.original(path) == f"Old/{path}"
    assert layout.failure(path) == f"Bad/{path}"
    assert layout.at(result) == layout.root / result


def test_what_lies_beside_a_file_lies_in_its_folder() -> None:
    assert beside("A/B/Mix.wav", "Mix.json") == "A/B/Mix.json"
    assert beside("Mix.wav", "x") == "x"

"""The hub's file: fetched whole or not at all."""

import hashlib
from pathlib import Path

import pytest

from rebounce.engine.errors import CodecError
from rebounce.training.encodec_hub import download

CONTENT = bytes(range(256)) * 10_000
NAME = f"model-{hashlib.sha256(CONTENT).hexdigest()[:8]}.th"


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    folder = tmp_path / "hub"
    folder.mkdir()
    (folder / NAME).write_bytes(CONTENT)
    return folder


def test_a_file_is_fetched_into_a_folder_that_was_not_there(hub: Path, tmp_path: Path) -> None:
    path = tmp_path / "cache" / "checkpoints" / NAME
    download((hub / NAME).as_uri(), path)
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_came_damaged_is_not_kept(hub: Path, tmp_path: Path) -> None:
    (hub / NAME).write_bytes(CONTENT[:-1])
    path = tmp_path / "cache" / NAME
    with pytest.raises(CodecError, match=rf"{NAME}: expected a file whose SHA-256 begins with {NAME[6:14]}, found "):
        download((hub / NAME).as_uri(), path)
    assert list(path.parent.iterdir()) == []


def test_without_a_way_there_the_address_and_the_option_are_told(hub: Path, tmp_path: Path) -> None:
    address = (hub / "gone.th").as_uri()
    with pytest.raises(CodecError, match=rf"cannot be fetched .*download {address} .*--weights FILE"):
        download(address, tmp_path / NAME)


def test_a_cache_that_cannot_be_written_is_told(hub: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CodecError, match=r"cannot be fetched .*--weights FILE"):
        download((hub / NAME).as_uri(), tmp_path / "file" / NAME)

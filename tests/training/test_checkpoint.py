"""Checkpoints: what was written comes back, and nothing else does."""

import os
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from rebounce.engine.errors import CheckpointError
from rebounce.training.checkpoint import KEYS, SCHEMA, read_checkpoint, write_checkpoint


def state(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "kind": "token-unet", "size": "tiny", "shape": {"codebooks": 4}, "codec_id": "tiny@0123", "config": {"seed": 1},
        "model": {"weight": torch.arange(1000.0)}, "stage": "1", "epoch": 2, "step": 30, "validation": {"loss": 0.5},
    }  # fmt: skip
    return {**whole, **changes}


def test_what_was_written_is_read_and_more_may_stand_beside_it(tmp_path: Path) -> None:
    written = state(size={"base": 8}, more=[1, None, "x"])
    write_checkpoint(tmp_path / "folder/a.pt", written)
    found = read_checkpoint(tmp_path / "folder/a.pt")
    assert torch.equal(found.pop("model")["weight"], written.pop("model")["weight"])
    assert found == {**written, "schema": SCHEMA}


def test_a_checkpoint_replaces_the_one_before_and_leaves_no_part(tmp_path: Path) -> None:
    for step in (1, 2):
        write_checkpoint(tmp_path / "a.pt", state(step=step))
    assert read_checkpoint(tmp_path / "a.pt")["step"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_a_write_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.pt", state(step=1))
    with pytest.raises((pickle.PicklingError, AttributeError)):
        write_checkpoint(tmp_path / "a.pt", state(more=lambda: None))
    assert read_checkpoint(tmp_path / "a.pt")["step"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"schema": "rebounce-codec-1"},
            "expected a checkpoint of the schema 'rebounce-checkpoint-1', found 'rebounce-c",
        ),
        ({"schema": None}, "found None; it was written by another program"),
        ({"model": None}, "expected the entry 'model' in a checkpoint, found none"),
        ({"epoch": "3"}, "expected 'epoch' to be int, found str"),
        ({"size": 3}, "expected 'size' to be str or dict, found int"),
    ],
)
def test_a_checkpoint_of_another_schema_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    whole = {**state(schema=SCHEMA), **changes}
    torch.save({key: value for key, value in whole.items() if value is not None}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=re.escape(message)) as caught:
        read_checkpoint(tmp_path / "a.pt")
    assert str(caught.value).startswith(f"{tmp_path / 'a.pt'}: ")


def test_every_key_is_asked_for(tmp_path: Path) -> None:
    for key in KEYS:
        whole = state(schema=SCHEMA)
        del whole[key]
        torch.save(whole, tmp_path / "a.pt")
        with pytest.raises(CheckpointError):
            read_checkpoint(tmp_path / "a.pt")


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    class Runs:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "was run"),)

    torch.save(state(schema=SCHEMA, more=Runs()), tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"one that holds code; it was not run"):
        read_checkpoint(tmp_path / "a.pt")
    assert not (tmp_path / "was run").exists()


def test_a_damaged_checkpoint_is_refused_wherever_it_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    write_checkpoint(path, state())
    whole = path.read_bytes()
    expected = torch.arange(1000.0)
    refused = 0
    for place in range(0, len(whole), 37):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
            path.write_bytes(damaged)
            try:
                found = read_checkpoint(path)
            except CheckpointError:
                refused += 1
            else:  # a bit that nobody reads
                assert torch.equal(found["model"]["weight"], expected)
    assert refused > len(whole) / 37


def test_what_is_no_file_or_no_checkpoint_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("nothing of the kind")
    torch.save(state(schema=SCHEMA), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name, message in (
        ("none.pt", "cannot be read: No such file"),
        ("text.pt", "found a file that is none or is damaged"),
        ("old.pt", "found a file that is none or is damaged"),
        (".", "cannot be read: Is a directory"),
    ):
        with pytest.raises(CheckpointError, match=message):
            read_checkpoint(tmp_path / name)

"""A file is opened as the checkpoint that it is, and refused as what it is not."""

from pathlib import Path
from typing import Any

import pytest
import torch

from rebounce.engine.errors import CheckpointError
from rebounce.training.checkpoint import write_checkpoint
from rebounce.training.encodec_weights import save_weights
from rebounce.training.exportable.opening import open_checkpoint
from rebounce.training.exportable.registry import EXPORTABLE
from rebounce.training.networks.registry import NETWORKS


def state(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "token-unet",
        "size": "tiny",
        "shape": {},
        "codec_id": "",
        "model": {"weight": torch.ones(3)},
        "config": {},
        "stage": "0",
        "epoch": 0,
        "step": 1,
        "validation": {},
        **changes,
    }


@pytest.mark.parametrize("kind", EXPORTABLE)
def test_a_checkpoint_tells_what_it_is_of(tmp_path: Path, kind: str) -> None:
    write_checkpoint(tmp_path / "a.pt", state(kind=kind))
    found, content = open_checkpoint(tmp_path / "a.pt")
    assert (found, content["step"], content["model"]["weight"].tolist()) == (kind, 1, [1, 1, 1])


def test_every_network_can_be_exported() -> None:
    assert set(NETWORKS) <= set(EXPORTABLE)


def test_safetensors_are_the_encodec_packages_weights(tmp_path: Path) -> None:
    save_weights(tmp_path / "any name", {"encoder.weight": torch.ones(2)})
    kind, content = open_checkpoint(tmp_path / "any name")
    assert (kind, list(content)) == ("encodec", ["encoder.weight"])


def test_a_checkpoint_of_another_schema_is_told(tmp_path: Path) -> None:
    torch.save({"schema": "rebounce-checkpoint-9"}, tmp_path / "a.pt")
    with pytest.raises(
        CheckpointError, match=r"a.pt: expected .*'rebounce-checkpoint-1', found 'rebounce-checkpoint-9'"
    ):
        open_checkpoint(tmp_path / "a.pt")


def test_a_checkpoint_of_what_cannot_be_exported_is_told(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.pt", state(kind="diffusion"))
    with pytest.raises(
        CheckpointError, match=r"expected a checkpoint of encodec, light-codec, .*, found one of 'diffusion'"
    ):
        open_checkpoint(tmp_path / "a.pt")


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_checkpoint_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a.pt: expected a checkpoint"):
        open_checkpoint(tmp_path / "a.pt")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pt", tmp_path):
        with pytest.raises(CheckpointError, match="expected a checkpoint, found no such file"):
            open_checkpoint(path)

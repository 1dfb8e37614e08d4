"""Checkpoints: what a training keeps of a network, in one file that says what it holds.

What always holds: a checkpoint is in its place whole or not at all; reading one runs nothing that is in it; what
`read_checkpoint` returns has every entry of `KEYS`, each of its type, so that whoever has the file can make the network
again without knowing how it was trained. Beside these a writer may put more, as `rebounce train` does to go on from it.
"""

import pickle
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from rebounce.engine.errors import CheckpointError
from rebounce.engine.staging import Staged, output_errors

SCHEMA = "rebounce-checkpoint-1"

KEYS: dict[str, tuple[type, ...]] = {
    "schema": (str,),
    "kind": (str,),  # which network: "token-unet" for one
    "size": (str, dict),
    "shape": (dict,),  # of the tokens it is made for
    "codec_id": (str,),
    "model": (dict,),  # the state dict
    "config": (dict,),  # all that it was trained with
    "stage": (str,),
    "epoch": (int,),
    "step": (int,),
    "validation": (dict,),  # scores by their names
}
"""What every checkpoint holds, and of which type."""

# All that zipfile and torch raise for files that were cut off or have bits turned over, but for their OSErrors.
_DAMAGED = (zipfile.BadZipFile, struct.error, RuntimeError, EOFError, ValueError, LookupError, zlib.error)


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write the file whole or not at all, replacing what is there; the schema is put in here."""
    whole = {**state, "schema": SCHEMA}
    wrong = [key for key, types in KEYS.items() if not isinstance(whole.get(key), types)]
    assert not wrong, f"a checkpoint without {wrong}"
    with Staged(path, replaces=True) as staged:
        with output_errors(path):
            torch.save(whole, staged.file)
        staged.publish()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The checkpoint, its tensors on the CPU; CheckpointError for anything that is none of this schema."""
    try:
        _check_sums(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as problem:
        raise CheckpointError(
            f"{path}: expected a checkpoint of tensors and plain values, found one that holds code; it was not run"
        ) from problem
    except _DAMAGED as problem:
        raise CheckpointError(
            f"{path}: expected a checkpoint, found a file that is none or is damaged; take another, or train again"
        ) from problem
    except OSError as problem:
        raise CheckpointError(f"{path}: expected a checkpoint, but it cannot be read: {problem.strerror}") from problem
    return _checked(path, state)


def _check_sums(path: Path) -> None:
    """torch writes the sums of a zip file and does not look at them when it reads: weights would change silently."""
    with zipfile.ZipFile(path) as file:
        if file.testzip() is not None:
            raise zipfile.BadZipFile


def _checked(path: Path, state: Any) -> dict[str, Any]:
    found = state.get("schema") if isinstance(state, dict) else None
    if found != SCHEMA:
        raise CheckpointError(
            f"{path}: expected a checkpoint of the schema {SCHEMA!r}, found {found!r:.60}; it was written by another "
            "program or another version of this one"
        )
    for key, types in KEYS.items():
        if key not in state:
            raise CheckpointError(f"{path}: expected the entry {key!r} in a checkpoint, found none; train again")
        if not isinstance(state[key], types):
            wanted = " or ".join(kind.__name__ for kind in types)
            raise CheckpointError(f"{path}: expected {key!r} to be {wanted}, found {type(state[key]).__name__}")
    checked: dict[str, Any] = state
    return checked

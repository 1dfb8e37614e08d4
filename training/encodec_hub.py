"""The encodec package's own weights: from torch's cache, or once from the address that the package names."""

import os
import tempfile
import urllib.request
from http.client import HTTPException
from pathlib import Path

import torch

from rebounce.engine.errors import CodecError
from rebounce.training.encodec_import import import_encodec
from rebounce.training.encodec_weights import CHECKPOINT, check_checkpoint

SILENCE_S = 5.0
"""How long the other side may keep silent; there is one attempt."""

_PIECE_BYTES = 1 << 20


def hub_weights() -> Path:
    """The 48 kHz model's checkpoint, where torch keeps it and the package looks for it; fetched where it is missing."""
    path = Path(torch.hub.get_dir(), "checkpoints", CHECKPOINT)
    if not path.exists():
        download(import_encodec().model.ROOT_URL + CHECKPOINT, path)
    return path


def download(address: str, path: Path) -> None:
    """Fetch `NAME-SHA256START.th`; at `path` stands the whole file afterwards, or nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".rebounce-") as folder:
            part = Path(folder, path.name)
            _fetch(address, part)
            check_checkpoint(part, address)
            os.replace(part, path)
    except (OSError, HTTPException) as error:
        raise CodecError(
            f"encodec: its weights are not here and cannot be fetched ({error}); download {address} on a machine that "
            "has a network, and name the file with --weights FILE"
        ) from error


def _fetch(address: str, part: Path) -> None:
    with urllib.request.urlopen(address, timeout=SILENCE_S) as answer, part.open("wb") as file:
        while piece := answer.read(_PIECE_BYTES):
            file.write(piece)

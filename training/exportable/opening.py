"""A checkpoint opened, and what it is a checkpoint of: of our trainings, or the encodec package's weights."""

from pathlib import Path
from typing import Any

from rebounce.engine.errors import CheckpointError
from rebounce.training.checkpoint import read_checkpoint
from rebounce.training.encodec_weights import CHECKPOINT, read_weights
from rebounce.training.exportable.registry import EXPORTABLE


def open_checkpoint(path: Path) -> tuple[str, dict[str, Any]]:
    """The name under which `EXPORTABLE` has what this is a checkpoint of, and its content."""
    if not path.is_file():
        raise CheckpointError(f"{path}: expected a checkpoint, found no such file; check the path")
    if path.name == CHECKPOINT or _is_safetensors(path):
        return "encodec", dict(read_weights(path))
    state = read_checkpoint(path)
    if state["kind"] not in EXPORTABLE:
        raise CheckpointError(
            f"{path}: expected a checkpoint of {', '.join(EXPORTABLE)}, found one of {state['kind']!r}; "
            "a newer rebounce may be able to export it"
        )
    return state["kind"], state


def _is_safetensors(path: Path) -> bool:
    """Our trainings write torch's format; as safetensors there is nothing but the encodec package's weights."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"

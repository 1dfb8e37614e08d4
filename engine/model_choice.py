"""Which model a chain runs, and where: what `--model` and `--device` ask for.

Always true here: a model or a device that cannot be used is an error before any audio is read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os.path import abspath
from pathlib import Path
from typing import Any

from rebounce.engine.board import Board
from rebounce.engine.devices import AUTO, choose_device, cuda_index
from rebounce.engine.errors import ModelError, UsageError
from rebounce.engine.model_store import find_model, model_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A model, by its name or whole path, for every plugin that runs one; None and "auto" leave what the chain says."""

    model: str | None = None
    device: str = AUTO

    def apply_to(self, board: Board) -> None:
        """Have the plugins of the board that run a model run this one, there."""
        for plugin in model_plugins(board):
            if self.model is not None:
                plugin.model = self.model
            if self.device != AUTO:
                plugin.device = self.device

    def check(self, boards: Iterable[Board], presets: Sequence[str]) -> None:
        """An error for a model that no chain of the presets runs."""
        if self.model is None or any(model_plugins(board) for board in boards):
            return
        package = find_model(self.model)
        raise UsageError(
            f"--model {self.model}: the package {package.id} is sound, but no plugin of the chain "
            f"({', '.join(presets) or 'no preset'}) runs a model; leave --model out, or name a preset that has such a "
            f"plugin: {', '.join(presets_with_model())}"
        )


AS_WRITTEN = ModelChoice()


def asked_for(model: str | None, device: str) -> ModelChoice:
    """What was typed, a name or else a folder; a UsageError for what is neither, and for a GPU that does not work."""
    if cuda_index(device) is not None:
        choose_device(device)
    if model is None:
        return ModelChoice(device=device)
    try:
        folder = model_folder(model)
    except ModelError as problem:
        raise UsageError(f"--model {model}: {problem}") from problem
    # Whole, as it travels to other processes and into saved chains.
    return ModelChoice(model=abspath(folder) if folder == Path(model) else model, device=device)


def model_plugins(board: Board) -> list[Any]:
    """The plugins of a chain that run a model, those of nested boards too."""
    return [stage for stage in board.stages() if stage.runs_model]


def ready_models(board: Board) -> str | None:
    """Look up the models that a chain will run, and the devices; returns the line to show where "auto" gave way."""
    message = None
    for plugin in model_plugins(board):
        if plugin.is_identity():
            continue
        plugin.model_id()
        message = choose_device(plugin.device).message or message
        if cuda_index(plugin.device) is not None:
            plugin.prepare()  # a card may work and yet not run this model
    return message


def presets_with_model() -> list[str]:
    """The bundled presets that run a model."""
    from rebounce.engine.preset import load_preset
    from rebounce.presets.bundled import bundled_presets

    return [name for name in bundled_presets() if model_plugins(load_preset(name))]

"""The chain that a bounce is restored with, made once and kept as long as its preset stays the same."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rebounce.engine.board import Board
from rebounce.engine.devices import choose_device
from rebounce.engine.job import Options
from rebounce.engine.model_choice import asked_for, model_plugins, ready_models
from rebounce.engine.preset import load_preset, preset_hash
from rebounce.watchers.settings import WatchFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A chain ready to run. `message` is what is to be said of its device."""

    name: str
    board: Board
    options: Options
    preset_hash: str
    model: str | None
    uses_gpu: bool
    message: str | None


class Presets:
    """The chains of one worker."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], Prepared] = {}

    def get(self, folder: WatchFolder, preset: str | None = None) -> Prepared:
        """The chain of a folder, or another preset with its options; a changed chain file is read again."""
        name = preset or folder.preset
        key = (folder, name, _stamp(name))
        if key not in self._kept:
            self._kept = {kept: value for kept, value in self._kept.items() if kept[:2] != key[:2]}
            self._kept[key] = _prepare(folder, name)
        return self._kept[key]


def _stamp(name: str) -> int | None:
    path = Path(name)
    return path.stat().st_mtime_ns if path.suffix == ".toml" and path.exists() else None


def _prepare(folder: WatchFolder, name: str) -> Prepared:
    board = load_preset(name, folder.allow_plugins).at_strength(folder.strength / 100)
    choice = asked_for(folder.model, folder.device)
    choice.check([board], [name])
    choice.apply_to(board)
    message = ready_models(board)
    options = Options(
        file_format=folder.file_format,
        bit_depth=folder.bit_depth,
        sample_rate_hz=folder.sample_rate_hz,
        clip_mode=folder.clip_mode,
        keep_mtime=folder.keep_mtime,
    )
    running = [plugin for plugin in model_plugins(board) if not plugin.is_identity()]
    return Prepared(
        name=name,
        board=board,
        options=options,
        preset_hash=preset_hash(board, options.shaping()),
        model=board.model_id(),
        uses_gpu=any(choose_device(plugin.device).name != "cpu" for plugin in running),
        message=message,
    )

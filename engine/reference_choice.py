"""Which track a chain is to match: what `--reference` asks for.

Always true here: a reference that cannot be read, or that no plugin would use, is an error before any input is read.
"""

from os.path import abspath
from pathlib import Path
from typing import Any

from rebounce.engine.board import Board
from rebounce.engine.errors import RebounceError, UsageError
from rebounce.engine.source import open_source


def with_reference(board: Board, reference: Path | None, preset: str) -> Board:
    """The chain with the reference in every plugin that takes one; after `Auto` such a plugin is added."""
    if reference is None:
        return board
    _check(reference)
    if not _takers(board) and board.treats():
        from rebounce.engine.repair.correct_tone import CorrectTone

        board = Board([*board, CorrectTone()])
    for plugin in _takers(board):
        # Whole, as it travels to other processes and into saved chains.
        plugin.reference = abspath(reference)
    if not _takers(board):
        raise UsageError(
            f"--reference {reference}: no plugin of preset {preset!r} uses one; leave it out, or use the preset auto "
            "or a chain with CorrectTone"
        )
    return board


def _takers(board: Board) -> list[Any]:
    return [stage for stage in board.stages() if "reference" in stage.parameters()]


def _check(reference: Path) -> None:
    try:
        with open_source(reference):
            pass
    except (RebounceError, OSError) as problem:
        raise UsageError(f"--reference {reference}: expected an audio file to match: {problem}") from problem

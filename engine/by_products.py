"""What is written beside a result on request: the difference to the input, and the chain to replay it.

What always holds: somebody else's file in its place is found before any work is done, and a by-product that a run did
not get to is caught up on by the next.
"""

import os
from hashlib import sha256
from pathlib import Path

import tomli_w

from rebounce.engine.board import Board
from rebounce.engine.delta import write_delta
from rebounce.engine.errors import OutputError
from rebounce.engine.job import Job
from rebounce.engine.source import Source
from rebounce.engine.staging import LONGEST_NAME_BYTES, Staged, output_errors

CHAIN_SUFFIX = ".chain.toml"


def delta_path(job: Job) -> Path | None:
    """Where the delta goes: the same tree as that of the results, below a folder of its own."""
    if job.options.delta is None:
        return None
    below = job.target.relative_to(job.root) if job.root else Path(job.target.name)
    return (job.options.delta / below).with_suffix(".wav")


def chain_path(job: Job) -> Path | None:
    """Where the chain goes: beside the result."""
    return job.target.with_name(chain_name(job.target.stem)) if job.options.saves_chain else None


def chain_name(stem: str) -> str:
    """NAME.chain.toml; a name too long for that is shortened, and told apart by a hash."""
    if len(os.fsencode(stem + CHAIN_SUFFIX)) <= LONGEST_NAME_BYTES:
        return stem + CHAIN_SUFFIX
    end = f"~{sha256(os.fsencode(stem)).hexdigest()[:16]}{CHAIN_SUFFIX}"
    return os.fsencode(stem)[: LONGEST_NAME_BYTES - len(end)].decode(errors="ignore") + end


def refuse_strangers(job: Job) -> None:
    """An error for a file that is there already in the place of a by-product, unless replacing was asked for."""
    for path in (delta_path(job), chain_path(job)):
        if path is not None and os.path.lexists(path) and not job.is_forced:
            raise OutputError(
                f"{path}: a file is there already, and no result that belongs to it; pass --force to replace it, or "
                "move it away"
            )


def add_by_products(job: Job, board: Board | None, source: Source, output: Path) -> list[str]:
    """Write those that were asked for and are not there; returns what is to be said.

    Without the board, after a run that did this file before, the chain with its analyses cannot be told any more.
    """
    messages = []
    delta, chain = delta_path(job), chain_path(job)
    is_first = board is not None
    if delta is not None and (is_first or not delta.exists()):
        write_delta(source, output, delta, replaces=job.is_forced)
        messages.append(f"what was taken away is in {delta}")
    if chain is not None and board is not None:
        _save_chain(board, chain, job.is_forced)
        messages.append(f"the chain is in {chain}")
    elif chain is not None and not chain.exists():
        messages.append("its chain was not saved then; add --force to restore it again and save it")
    return messages


def _save_chain(board: Board, path: Path, replaces: bool) -> None:
    with Staged(path, replaces=replaces) as staged:
        with output_errors(path):
            staged.file.write(tomli_w.dumps(board.to_dict()).encode())
        staged.publish()

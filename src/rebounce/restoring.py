"""What `rebounce restore` does with its arguments: check everything first, then work, and tell."""

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rebounce import __version__
from rebounce.engine.batch import Batch, exit_code, run_batch
from rebounce.engine.batch_plan import Item, plan_batch, read_input_list
from rebounce.engine.board import Board
from rebounce.engine.errors import UsageError
from rebounce.engine.preset import load_preset, preset_hash
from rebounce.engine.record import ERROR, SKIPPED, Record
from rebounce.engine.restore import Job, Options, failed_record, skipped_record
from rebounce.progress import Meter, describe

if TYPE_CHECKING:
    from rebounce.cli_restore import Arguments


def run(arguments: "Arguments", preset: str | Path) -> int:
    """Restore everything that was asked for; returns the exit code."""
    options = _options(arguments)
    board = load_preset(preset, arguments.allowed_plugins).at_strength(arguments.strength / 100)
    _check_model(arguments)
    _check_reference(arguments)
    _check_device(arguments.device)
    listed = read_input_list(arguments.input_list) if arguments.input_list else []
    items = plan_batch([*arguments.inputs, *listed], arguments.output, arguments.file_format)
    if not items:
        click.echo("rebounce: no audio files found in what was given", err=True)
    jobs = [_job(item, arguments, options, board) for item in items]
    if arguments.is_dry_run:
        return _tell_plan(jobs, arguments)
    records = _work(jobs, items, board, arguments)
    _finish(records, arguments)
    return exit_code(records)


def _options(arguments: "Arguments") -> Options:
    """The options that shape a file, refused here when no file could satisfy them."""
    options = Options(
        file_format=arguments.file_format,
        bit_depth=arguments.bit_depth,
        sample_rate_hz=arguments.sample_rate_hz,
        clip_mode=arguments.clip_mode,
        keep_mtime=arguments.keep_mtime,
        delta=arguments.delta,
        saves_chain=arguments.saves_chain,
    )
    options.check()
    if arguments.delta and arguments.sample_rate_hz:
        raise UsageError("--delta: input minus output needs both at one rate; leave --sample-rate out")
    return options


def _check_model(arguments: "Arguments") -> None:
    if arguments.model is None:
        return
    from rebounce.engine.model_package import load_package

    package = load_package(arguments.model)
    raise UsageError(
        f"--model {arguments.model}: the package {package.id} is sound, but no plugin of preset {arguments.preset!r} runs a "
        "model; leave --model out, or name a chain that has such a plugin"
    )


def _check_reference(arguments: "Arguments") -> None:
    if arguments.reference is not None:
        raise UsageError(
            f"--reference {arguments.reference}: no plugin of preset {arguments.preset!r} uses a reference; leave it out"
        )


def _check_device(device: str) -> None:
    """A GPU that was asked for by name must work, even where no plugin of the chain needs it."""
    if device.startswith("cuda"):
        from rebounce.engine.doctor import examine_device

        examine_device(device)


def _job(item: Item, arguments: "Arguments", options: Options, board: Board) -> Job:
    return Job(
        source=item.source,
        target=item.target,
        copy_target=item.copy_target,
        board=board,
        options=options,
        preset=arguments.preset,
        preset_hash=preset_hash(board, options.shaping()),
        root=arguments.output,
        is_forced=arguments.is_forced,
    )


def _tell_plan(jobs: list[Job], arguments: "Arguments") -> int:
    return 0

"""`rebounce train`: token bundles in, a trained network out."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from rebounce.engine.errors import UsageError
from rebounce.verbosity import with_verbosity


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """Everything that was typed."""

    config: str
    output: Path | None
    bundles: tuple[Path, ...]
    codec: str | None
    seed: int | None
    until_stage: str | None
    is_resumed: bool
    device: str
    threads: int | None
    is_shown: bool
    is_dry_run: bool
    as_json: bool
    is_quiet: bool
    is_verbose: bool


@click.command()
@click.argument("config")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the run, instead of the config's own.",
)
@click.option(
    "--bundles",
    multiple=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of bundles, instead of the config's own; several are learned from together.",
)
@click.option("--codec", help="Codec of the bundles, by name or folder, instead of the config's own.")
@click.option("--seed", type=click.IntRange(0), help="Another number, another network to begin with, another order.")
@click.option("--until-stage", metavar="NAME", help="Stop after this stage; --resume goes on from there.")
@click.option("--resume", "is_resumed", is_flag=True, help="Go on with the run in the folder, to the same numbers.")
@click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1; cuda is refused where it cannot be."
)
@click.option("--threads", type=click.IntRange(1, 1024), help="CPU threads; default, as many as there are cores.")
@click.option("--show", "is_shown", is_flag=True, help="Print the config, every value spelled out, and do nothing.")
@click.option("-n", "--dry-run", "is_dry_run", is_flag=True, help="Check everything, say what would run, do nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an epoch on stdout, and nothing else there.")
@with_verbosity
def train(**typed: Any) -> None:
    """Train a network by a curriculum, as CONFIG says: a file, or one of token-unet, light, tiny,
    light-codec.

    A run that was killed, at any time, goes on with --resume and comes to the same numbers. Under torchrun, one
    process to each GPU, nothing else changes.

    \b
    Examples:
      rebounce train token-unet --bundles bundles -o runs/first
      rebounce train token-unet --bundles bundles -o runs/first --resume
      rebounce train token-unet --show > mine.toml
      rebounce train mine.toml --until-stage 1 --device cuda
    """
    try:
        from rebounce.training_run import run
    except ModuleNotFoundError as problem:
        raise UsageError(
            f'train: the package {problem.name} is not installed; pip install "rebounce[train]" brings what it needs'
        ) from problem

    arguments = Arguments(**typed)
    if arguments.is_quiet and arguments.is_verbose:
        raise UsageError("train: --quiet and --verbose exclude each other")
    sys.exit(run(arguments))

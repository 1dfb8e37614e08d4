"""`rebounce prepare`: masters in, token bundles for training out."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from rebounce.engine.errors import UsageError
from rebounce.number_types import NumberRange
from rebounce.verbosity import with_verbosity


class _Names(click.ParamType[tuple[str, ...]]):
    """Names with commas between them, each once."""

    name = "NAME,NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(dict.fromkeys(name.strip() for name in str(value).split(",") if name.strip()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """Everything that was typed."""

    inputs: tuple[str, ...]
    output: Path
    curriculum: str
    stages: tuple[str, ...]
    codec: str | None
    weights: Path | None
    bandwidth: str | None
    features: tuple[str, ...]
    seconds: float
    items: int
    seed: int
    processes: int
    allowed_plugins: tuple[Path, ...]
    is_dry_run: bool
    as_json: bool
    is_quiet: bool
    is_verbose: bool


@click.command()
@click.argument("inputs", nargs=-1, metavar="MASTERS...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the bundles; one that was begun is continued.",
)
@click.option("--curriculum", default="token-unet", show_default=True, help="A curriculum's name, or a path.")
@click.option("--stages", default=(), type=_Names(), help="Stages of it with commas, 0,1,1-stronger say; default all.")
@click.option(
    "--codec",
    metavar="light|encodec|DIR",
    help="What makes the tokens; DIR is a codec's model package.  [default: light; encodec with its options]",
)
@click.option(
    "--weights",
    type=click.Path(dir_okay=False, path_type=Path),
    help="EnCodec's weights, where there is no network.",
)
@click.option(
    "--bandwidth",
    type=click.Choice(["3", "6", "12", "24"]),
    help="EnCodec's, in kbps: 2, 4, 8 or 16 codebooks.  [default: 24]",
)
@click.option("--features", default=(), type=_Names(), help="Some of mel, stft, measures, latents, with commas.")
@click.option(
    "--seconds",
    default=30.0,
    show_default=True,
    type=NumberRange(1, 600),
    help="Length of an item; shorter masters are taken whole.",
)
@click.option("--items", default=1, show_default=True, type=click.IntRange(1), help="Items of each master and stage.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Another number, other items.")
@click.option("--jobs", "processes", default=1, show_default=True, type=click.IntRange(1, 256), help="Items at a time.")
@click.option(
    "--allow-plugin",
    "allowed_plugins",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A VST3 outside the system's folders.",
)
@click.option("-n", "--dry-run", "is_dry_run", is_flag=True, help="Say how many, how big and how long, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a bundle on stdout, and nothing else there.")
@with_verbosity
def prepare(**typed: Any) -> None:
    """Turn masters into token bundles for training.

    Each master gives one item or more for each stage of a curriculum: a stretch of it, clean and damaged, as tokens.
    A run that was stopped is continued by giving the same command again.

    \b
    Examples:
      rebounce prepare Masters -o bundles --jobs 2
      rebounce prepare Masters -o bundles --stages 0,1,1-stronger --weights encodec.safetensors
      rebounce prepare Masters -o bundles --features measures --dry-run
    """
    try:
        from rebounce.preparing import run
    except ModuleNotFoundError as problem:
        raise UsageError(
            f'prepare: the package {problem.name} is not installed; pip install "rebounce[train]" brings what it needs'
        ) from problem

    arguments = Arguments(**typed)
    if not arguments.inputs:
        raise UsageError("prepare: expected at least one file or folder of masters, found none")
    if arguments.is_quiet and arguments.is_verbose:
        raise UsageError("prepare: --quiet and --verbose exclude each other")
    sys.exit(run(arguments))

"""`rebounce export`: a trained checkpoint in, a model package out."""

import sys
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import click

from rebounce.engine.errors import UsageError
from rebounce.verbosity import with_verbosity


class _Score(click.ParamType[tuple[str, float]]):
    """A name and a number with an equals sign between them."""

    name = "NAME=NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        if isinstance(value, tuple):
            return value
        name, _, number = (part.strip() for part in str(value).partition("="))
        with suppress(ValueError):
            if name and isfinite(float(number)):
                return name, float(number)
        self.fail(f"expected NAME=NUMBER, si_sdr_db=9.5 say, found {value!r}", param, ctx)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """Everything that was typed."""

    checkpoint: Path
    output: Path
    precision: str
    codec: str | None
    name: str | None
    package_version: str
    licence: str
    data_card: Path | None
    scores: tuple[tuple[str, float], ...]
    is_forced: bool
    as_json: bool
    is_quiet: bool
    is_verbose: bool


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of the package.",
)
@click.option(
    "--precision",
    default="fp32",
    show_default=True,
    type=click.Choice(["fp32", "fp16", "int8"]),
    help="How weights are stored: half the size, or a quarter.",
)
@click.option("--codec", metavar="NAME|DIR", help="The codec beside a token network; default: the one of its name.")
@click.option("--name", help="What the package is called; default: its folder's name.")
@click.option("--version", "package_version", default="1", show_default=True, help="The package's own version.")
@click.option("--licence", default="not stated", show_default=True, help="What others may do with it.")
@click.option(
    "--data-card",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A text file that says what it was trained on; default: what the checkpoint says.",
)
@click.option("--score", "scores", multiple=True, type=_Score(), help="A score for the manifest; may be repeated.")
@click.option("-f", "--force", "is_forced", is_flag=True, help="Replace the package that is there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, and nothing else there.")
@with_verbosity
def export(**typed: Any) -> None:
    """Turn a trained checkpoint into a model package: ONNX files, a manifest, and a script that runs them.

    Every file is compared with torch on music and on 20 random inputs, and nothing is written where one is too far
    off. CHECKPOINT is what rebounce train wrote, or the encodec package's 48 kHz weights.

    \b
    Examples:
      rebounce export runs/codec/last.pt -o my-codec
      rebounce export runs/unet/best.pt -o my-restorer --codec my-codec --precision fp16
      rebounce export encodec.safetensors -o encodec --licence "CC BY-NC 4.0"
    """
    try:
        from rebounce.exporting import run
    except ModuleNotFoundError as problem:
        raise UsageError(
            f'export: the package {problem.name} is not installed; pip install "rebounce[train]" brings what it needs'
        ) from problem

    arguments = Arguments(**typed)
    if arguments.is_quiet and arguments.is_verbose:
        raise UsageError("export: --quiet and --verbose exclude each other")
    sys.exit(run(arguments))

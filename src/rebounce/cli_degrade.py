"""`rebounce degrade`: clean audio in, pairs of clean and damaged out."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from rebounce.engine.errors import UsageError
from rebounce.number_types import NumberRange
from rebounce.verbosity import with_verbosity

_FORMATS = click.Choice(["wav", "flac", "keep", "mp3", "ogg"])
_DEPTHS = click.Choice(["keep", "16", "24", "32f"])
_PATH = click.Path(path_type=Path)


def _folder(context: click.Context, parameter: click.Parameter, given: str) -> Path:
    """The folder; an empty text would be the one that one happens to be in."""
    if not given:
        raise click.BadParameter("expected a folder, found an empty text; name one, or . for this folder")
    return Path(given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """Everything that was typed."""

    inputs: tuple[str, ...]
    output: Path
    recipe: str | None
    fault: str | None
    curriculum: str | None
    stage: str | None
    is_stronger: bool
    seed: int
    seconds: float | None
    copies: int
    sample_rate_hz: int | None
    file_format: str
    bit_depth: str | None
    processes: int
    has_pictures: bool
    allowed_plugins: tuple[Path, ...]
    is_forced: bool
    as_json: bool
    is_quiet: bool
    is_verbose: bool


@click.command()
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False),
    callback=_folder,
    help="Output folder; the pairs go into its folders clean and damaged.",
)
@click.option("--recipe", help="A recipe's name, or the path of a recipe file.  [default: readme]")
@click.option("--fault", help="One fault alone, in its own ranges, in place of a recipe.")
@click.option("--curriculum", help="A curriculum's name or path, in place of a recipe; needs --stage.")
@click.option("--stage", help="The stage of the curriculum: 3, or 3-stronger.")
@click.option("--stronger", "is_stronger", is_flag=True, help="The stronger ranges of the recipe or stage.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Another number, other damage.")
@click.option(
    "--seconds",
    type=NumberRange(0, min_open=True),
    help="Length of an excerpt, taken where the seed says; default the whole file.",
)
@click.option(
    "--copies",
    default=1,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="Pairs of each file, NAME.1 and on, with one seed after another.",
)
@click.option(
    "--sample-rate", "sample_rate_hz", type=click.IntRange(8_000, 192_000), help="In Hz; default that of the file."
)
@click.option(
    "--format", "file_format", default="wav", show_default=True, type=_FORMATS, help="Container of the pairs."
)
@click.option(
    "--bit-depth",
    type=_DEPTHS,
    help="Integers get one gain for both sides where one would clip.  [default: 32f, with FLAC 24]",
)
@click.option("--jobs", "processes", default=1, show_default=True, type=click.IntRange(1, 256), help="Pairs at a time.")
@click.option("--pictures", "has_pictures", is_flag=True, help="Also write the spectrograms of both sides.")
@click.option(
    "--allow-plugin", "allowed_plugins", multiple=True, type=_PATH, help="A VST3 outside the system's folders."
)
@click.option(
    "-f", "--force", "is_forced", is_flag=True, help="Replace pairs that are there, also those of equal settings."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a pair on stdout, and nothing else there.")
@with_verbosity
def degrade(**typed: Any) -> None:
    """Damage clean audio on purpose, as pairs for training and judging.

    Each pair is DIR/clean/NAME.wav and DIR/damaged/NAME.wav, with what was done beside the damaged side in NAME.json.
    The damage follows from the content of a file, the exercise and the seed alone.

    \b
    Examples:
      rebounce degrade Masters -o pairs
      rebounce degrade Masters -o pairs --curriculum token-unet --stage 3-stronger --seconds 30 --jobs 2
      rebounce degrade mix.wav -o tries --fault reverb --copies 8 --pictures
    """
    from rebounce.degrading import run

    arguments = Arguments(**typed)
    if not arguments.inputs:
        raise UsageError("degrade: expected at least one file or folder, found none")
    if arguments.is_quiet and arguments.is_verbose:
        raise UsageError("degrade: --quiet and --verbose exclude each other")
    sys.exit(run(arguments))

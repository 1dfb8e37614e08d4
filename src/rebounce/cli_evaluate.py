"""`rebounce evaluate`: clean audio through faults and presets, scored, with what every score is to be read against."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from rebounce.engine.errors import UsageError
from rebounce.number_types import NumberRange
from rebounce.verbosity import with_verbosity

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """Everything that was typed."""

    clean: tuple[str, ...]
    faults: tuple[str, ...]
    recipe: str | None
    curriculum: str | None
    stage: str | None
    is_stronger: bool
    presets: tuple[str, ...]
    model: str | None
    codec: str | None
    weights: Path | None
    bandwidth: str | None
    device: str
    seconds: float
    limit: int | None
    items: int
    split: str
    seed: int
    scores: str | None
    target: float
    kept: int
    has_no_audio: bool
    processes: int
    output: Path | None
    is_forced: bool
    as_json: bool
    allowed_plugins: tuple[Path, ...]
    is_quiet: bool
    is_verbose: bool


@click.command()
@click.option("--clean", multiple=True, metavar="DIR", help="Clean audio: a file or a folder; several may be given.")
@click.option("--fault", "faults", multiple=True, help="A fault to judge alone; several may be given.")
@click.option(
    "--recipe", help="A recipe's name or path: each of its faults alone, then all of them together.  [default: readme]"
)
@click.option("--curriculum", help="A curriculum's name or path, in place of a recipe; needs --stage.")
@click.option("--stage", help="The stage of the curriculum: 3, or 3-stronger.")
@click.option("--stronger", "is_stronger", is_flag=True, help="The stronger ranges of the recipe or stage.")
@click.option("--preset", "presets", multiple=True, help="A preset's name or a chain file; several may be given.")
@click.option("--model", metavar="NAME|DIR", help="A model, by its name or folder, for chains that run one.")
@click.option(
    "--codec",
    metavar="light|encodec|DIR",
    help="Also show the clean round trip through this codec, and what perfect tokens would give; DIR is a codec's "
    "model package.",
)
@click.option("--weights", type=_FILE, help="EnCodec's weights, where there is no network.")
@click.option("--bandwidth", type=click.Choice(["3", "6", "12", "24"]), help="EnCodec's, in kbps.  [default: 24]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda; cuda is strict.")
@click.option("--seconds", default=10.0, show_default=True, type=NumberRange(0.5, 120), help="Length of an item.")
@click.option("--limit", type=click.IntRange(1), help="So many tracks at most, chosen by their content.")
@click.option("--items", default=1, show_default=True, type=click.IntRange(1, 1000), help="Items of each track.")
@click.option(
    "--split",
    default="all",
    show_default=True,
    type=click.Choice(["all", "train", "validation", "test"]),
    help="Only the tracks of this split.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Another number, other items.")
@click.option("--scores", help="Names with commas, or all.  [default: all but pesq and stoi]")
@click.option(
    "--target",
    default=95.0,
    show_default=True,
    type=NumberRange(0, 100, max_open=True),
    help="Percent of clean tracks that must come back bit-identical; reached when the lower bound is.",
)
@click.option(
    "--audio", "kept", default=3, show_default=True, type=click.IntRange(1, 10), help="Items of each fault to keep."
)
@click.option("--no-audio", "has_no_audio", is_flag=True, help="Keep no audio and no pictures.")
@click.option("--jobs", "processes", default=1, show_default=True, type=click.IntRange(1, 256), help="Items at a time.")
@click.option("-o", "--output", type=_FOLDER, help="Folder of the tables, pictures, audio and the page index.html.")
@click.option("-f", "--force", "is_forced", is_flag=True, help="Replace the evaluation that is there.")
@click.option(
    "--json", "as_json", is_flag=True, help="Everything as one JSON object on stdout, and nothing else there."
)
@click.option(
    "--allow-plugin", "allowed_plugins", multiple=True, type=_FILE, help="A VST3 outside the system's folders."
)
@with_verbosity
def evaluate(**typed: Any) -> None:
    """Damage clean audio on purpose, let presets repair it, and score how close they come.

    Beside every result stand the damaged input, the codec's clean round trip where there is a codec, and the oracles
    that exist. All presets of a run see the same items. Without a fault, recipe or curriculum it is the recipe readme.

    \b
    Examples:
      rebounce evaluate --clean Masters --preset five-stage --preset my-chain.toml -o compared --jobs 2
      rebounce evaluate --clean Masters --fault echo --fault clipping --preset auto --items 3
      rebounce evaluate --clean Masters --recipe realistic --codec encodec --weights encodec.safetensors
    """
    from rebounce.evaluating import run

    arguments = Arguments(**typed)
    if not arguments.clean:
        raise UsageError("evaluate: expected clean audio, --clean DIR, found none")
    if arguments.is_quiet and arguments.is_verbose:
        raise UsageError("evaluate: --quiet and --verbose exclude each other")
    sys.exit(run(arguments))

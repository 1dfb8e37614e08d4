"""`rebounce restore`: files and folders in, the same tree out, repaired."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from rebounce.cli_presets import find_preset
from rebounce.engine.errors import UsageError
from rebounce.number_types import NumberRange
from rebounce.verbosity import with_verbosity

_FORMATS = click.Choice(["keep", "wav", "flac", "mp3", "ogg"])
_DEPTHS = click.Choice(["keep", "16", "24", "32f"])
_CLIP_MODES = click.Choice(["rescale", "keep", "clamp", "limit"])
_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(path_type=Path)


class _SampleRate(click.ParamType[int | None]):
    """`keep`, or a whole number of Hz."""

    name = "keep|HZ"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value in ("keep", None):
            return None
        if not str(value).isdigit() or not 8_000 <= int(value) <= 192_000:
            self.fail(f"{value!r}: expected keep, or a whole number of Hz from 8000 to 192000", param, ctx)
        return int(value)


class _Device(click.ParamType[str]):
    """`auto`, `cpu`, `cuda`, or `cuda:N`."""

    name = "auto|cpu|cuda"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in ("auto", "cpu", "cuda") or (value.startswith("cuda:") and value[5:].isdigit()):
            return str(value)
        return str(self.fail(f"{value!r}: expected auto, cpu or cuda", param, ctx))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """Everything that was typed."""

    inputs: tuple[str, ...]
    output: Path
    preset: str
    strength: float
    model: str | None
    reference: Path | None
    device: str
    file_format: str
    bit_depth: str
    sample_rate_hz: int | None
    clip_mode: str
    processes: int
    input_list: Path | None
    is_forced: bool
    is_dry_run: bool
    as_json: bool
    has_report: bool
    delta: Path | None
    saves_chain: bool
    is_album: bool
    keep_mtime: bool
    allowed_plugins: tuple[Path, ...]
    is_quiet: bool
    is_verbose: bool


@click.command()
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@click.option(
    "-o", "--output", required=True, type=_FOLDER, help="Output folder; the tree of input folders is rebuilt."
)
@click.option("--preset", default="auto", show_default=True, help="A preset's name, or the path of a chain file.")
@click.option(
    "--strength", default=100.0, show_default=True, type=NumberRange(0, 100), help="Percent; 0 changes nothing."
)
@click.option("--model", metavar="NAME|DIR", help="A model, by its name or folder, for presets that run one.")
@click.option("--reference", type=_FILE, help="A track whose tone and level to match.")
@click.option(
    "--device", default="auto", show_default=True, type=_Device(), help="cuda is strict: it works or it fails."
)
@click.option(
    "--format", "file_format", default="keep", show_default=True, type=_FORMATS, help="Container of the result."
)
@click.option("--bit-depth", default="keep", show_default=True, type=_DEPTHS)
@click.option("--sample-rate", "sample_rate_hz", default="keep", show_default=True, type=_SampleRate())
@click.option(
    "--clip-mode",
    default="rescale",
    show_default=True,
    type=_CLIP_MODES,
    help="Where the result would clip: one gain for the file, 32-bit float, cut off, or limit to -1 dBTP.",
)
@click.option("--jobs", "processes", default=1, show_default=True, type=click.IntRange(1, 256), help="Files at a time.")
@click.option("--input-list", type=_FILE, help="A text file with one input a line.")
@click.option("-f", "--force", "is_forced", is_flag=True, help="Replace results that are there.")
@click.option("-n", "--dry-run", "is_dry_run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file on stdout, and nothing else there.")
@click.option("--report", "has_report", is_flag=True, help="Write report.html: before and after, to see and to hear.")
@click.option("--delta", type=_FOLDER, help="Also write what was taken away: input minus output, 32-bit float.")
@click.option(
    "--save-chain", "saves_chain", is_flag=True, help="Write NAME.chain.toml beside each result, to replay it."
)
@click.option(
    "--album", "is_album", is_flag=True, help="One level change for all files, so that they keep their balance."
)
@click.option("--keep-mtime", is_flag=True, help="Give results the modification time of their inputs.")
@click.option(
    "--allow-plugin", "allowed_plugins", multiple=True, type=_FILE, help="A VST3 outside the system's folders."
)
@with_verbosity
def restore(**typed: Any) -> None:
    """Restore files and folders into an output folder.

    The input is never modified. A file in which nothing had to be changed comes back byte for byte.

    \b
    Examples:
      rebounce restore mix.wav -o restored
      rebounce restore Bounces -o restored --preset five-stage --report --jobs 2
      rebounce restore mix.flac -o out --preset my-chain.toml --strength 60 --bit-depth 24
      rebounce restore mix.wav -o out --preset token-restore --device cuda
    """
    from rebounce.restoring import run

    arguments = Arguments(**typed)
    if not arguments.inputs and arguments.input_list is None:
        raise UsageError("restore: expected at least one file or folder, or --input-list FILE, found none")
    if arguments.is_quiet and arguments.is_verbose:
        raise UsageError("restore: --quiet and --verbose exclude each other")
    sys.exit(run(arguments, find_preset(arguments.preset)))

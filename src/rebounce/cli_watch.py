"""`rebounce watch`: the service that restores what is bounced into a folder."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from rebounce.engine.errors import UsageError
from rebounce.number_types import NumberRange
from rebounce.verbosity import with_verbosity

_FOLDER = click.Path(path_type=Path)
CONFIG_NAME = "rebounce.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """Everything that was typed."""

    folders: tuple[Path, ...]
    config: Path | None
    is_once: bool
    polls: bool
    settle_s: float | None
    preset: str | None
    processes: int | None
    has_web: bool
    web_address: str | None
    asks_status: bool
    retries: bool
    as_json: bool
    is_quiet: bool
    is_verbose: bool


@click.command()
@click.argument("folders", nargs=-1, metavar="FOLDER...", type=_FOLDER)
@click.option("--config", type=_FOLDER, help=f"Several folders and all their settings: a {CONFIG_NAME}.")
@click.option("--once", "is_once", is_flag=True, help="Work off what is there, waiting for unfinished files, and exit.")
@click.option("--poll", "polls", is_flag=True, help="Look for changes instead of being told: for network shares.")
@click.option(
    "--settle", "settle_s", type=NumberRange(0, 3600), metavar="SECONDS", help="How long a file must be still. [3]"
)
@click.option("--preset", help="A preset's name, or the path of a chain file. [auto]")
@click.option("--jobs", "processes", type=click.IntRange(1, 256), help="Files at a time. [1]")
@click.option("--web", "has_web", is_flag=True, help="Serve a page that shows it all, on http://127.0.0.1:8787.")
@click.option("--web-address", metavar="HOST:PORT", help="Serve the page there; beyond this machine with a token.")
@click.option("--status", "asks_status", is_flag=True, help="Say what the folders hold and what is being done.")
@click.option("--retry", "retries", is_flag=True, help="Try again what failed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file, or with --status a folder, on stdout.")
@with_verbosity
def watch(**typed: Any) -> None:
    """Watch folders: what is bounced into them comes out restored.

    Results go to FOLDER/Restored with a record each, originals to FOLDER/Done, failures to FOLDER/Errors with a
    sentence each. Ctrl-C ends it, and so does SIGTERM; the next start goes on where it was. Without FOLDER the
    rebounce.toml here is used, in which each folder can have its preset, patterns, hours (schedule), commands
    (on_done, on_failed), output options and more: docs/watch.md has all of it.

    Exit code: 0; 1 with --once when a file failed or something is left to do; 2 for what cannot be.

    \b
    Examples:
      rebounce watch Bounces --preset five-stage
      rebounce watch Bounces --once
      rebounce watch --config rebounce.toml --web
      rebounce watch Bounces --status
      rebounce watch Bounces --retry
    """
    from rebounce.watching import run

    arguments = Arguments(**typed)
    if arguments.is_quiet and arguments.is_verbose:
        raise UsageError("watch: --quiet and --verbose exclude each other")
    if arguments.asks_status and (arguments.retries or arguments.is_once or arguments.has_web):
        raise UsageError("watch: --status only tells; give it without --retry, --once and --web")
    if arguments.retries and arguments.as_json and not arguments.is_once:
        raise UsageError("watch: --retry has no JSON to tell; add --once to work the files off and see their records")
    if arguments.folders and arguments.config:
        raise UsageError(
            f"watch: expected folders or --config, found both; name the folders in {arguments.config}, or leave it out"
        )
    sys.exit(run(arguments))

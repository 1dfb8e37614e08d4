"""`rebounce inspect`: what is wrong with a file, how sure that is, and what `auto` would do."""

import sys

import click

from rebounce.engine.errors import UsageError
from rebounce.verbosity import with_verbosity


@click.command()
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file on stdout, and nothing else there.")
@with_verbosity
def inspect(inputs: tuple[str, ...], as_json: bool, is_quiet: bool, is_verbose: bool) -> None:
    """Say what is wrong with files and folders, how sure that is, and what `restore` would do about it.

    Nothing is written. What is found and left alone is told too.

    \b
    Examples:
      rebounce inspect mix.wav
      rebounce inspect Bounces --json
    """
    from rebounce.inspecting import run

    if not inputs:
        raise UsageError("inspect: expected at least one file or folder, found none")
    if is_quiet and is_verbose:
        raise UsageError("inspect: --quiet and --verbose exclude each other")
    sys.exit(run(inputs, as_json=as_json, is_quiet=is_quiet, is_verbose=is_verbose))

"""`-q` and `-v`, the same on every command."""

from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., Any]


def with_verbosity(command: Command) -> Command:
    """Add both options; the command gets `is_quiet` and `is_verbose`."""
    quiet = click.option("-q", "--quiet", "is_quiet", is_flag=True, help="Only what goes wrong.")
    verbose = click.option("-v", "--verbose", "is_verbose", is_flag=True, help="Every message there is.")
    return quiet(verbose(command))

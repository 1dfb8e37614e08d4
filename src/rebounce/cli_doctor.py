"""`rebounce doctor`."""

import json
import sys
from pathlib import Path

import click

from rebounce.verbosity import with_verbosity


@click.command()
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda: what you mean to run on.")
@click.option("-o", "--output", default=".", type=click.Path(path_type=Path), help="The folder you mean to write to.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a check.")
@with_verbosity
def doctor(device: str, output: Path, as_json: bool, is_quiet: bool, is_verbose: bool) -> None:
    """Say what works on this machine and, if the GPU does not, exactly why.

    \b
    Example:
      rebounce doctor --device cuda
    """
    from rebounce.engine.doctor import as_data, as_lines, examine, exit_code

    checks = examine(output, device)
    shown = [check for check in checks if check.status in ("warning", "problem")] if is_quiet else checks
    for line in [json.dumps(entry) for entry in as_data(shown)] if as_json else as_lines(shown):
        click.echo(line)
    sys.exit(exit_code(checks))

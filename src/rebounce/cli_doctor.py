"""`rebounce doctor`."""

import json
import sys
from pathlib import Path

import click


@click.command()
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda: what you mean to run on.")
@click.option("-o", "--output", default=".", type=click.Path(path_type=Path), help="The folder you mean to write to.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a check.")
def doctor(device: str, output: Path, as_json: bool) -> None:
    """Say what works on this machine and, if the GPU does not, exactly why.

    \b
    Example:
      rebounce doctor --device cuda
    """
    from rebounce.engine.doctor import as_data, as_lines, examine, exit_code

    checks = examine(output, device)
    for line in [json.dumps(entry) for entry in as_data(checks)] if as_json else as_lines(checks):
        click.echo(line)
    sys.exit(exit_code(checks))

"""`rebounce demo`: the main job from end to end on a mix that it makes itself."""

from pathlib import Path
from typing import Any

import click

from rebounce.number_types import NumberRange
from rebounce.verbosity import with_verbosity


@click.command()
@click.option(
    "-o",
    "--output",
    default="rebounce-demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the WAVs and the report page go.",
)
@click.option("--seconds", default=24.0, show_default=True, type=NumberRange(5, 300), help="Length of the mix.")
@click.option("--seed", default=7, show_default=True, type=click.IntRange(0), help="Another number, another mix.")
@click.option("--preset", default="auto", show_default=True, help="What restores it.")
@click.option("--json", "as_json", is_flag=True, help="The record of the restored file as JSON, and nothing else.")
@with_verbosity
def demo(output: Path, is_verbose: bool, **settings: Any) -> None:
    """Make a mix, damage it on purpose, restore it, and show before and after.

    \b
    Example:
      rebounce demo -o demo
    """
    from rebounce.demonstration import demonstrate

    demonstrate(output, **settings)

"""`rebounce models list|show|pull`."""

import re
from dataclasses import dataclass
from typing import Any

import click

from rebounce.number_types import NumberRange
from rebounce.verbosity import with_verbosity

EXIT_FAILED = 1


class _Sha256(click.ParamType[str]):
    """Sixty-four hex digits."""

    name = "SHA256"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"[0-9a-fA-F]{64}", str(value)):
            self.fail(f"expected 64 hex digits, found {value!r}", param, ctx)
        return str(value).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class PullArguments:
    """Everything that was typed."""

    source: str
    name: str | None
    sha256: str | None
    timeout_s: float
    allows_http: bool
    is_forced: bool
    as_json: bool
    is_quiet: bool
    is_verbose: bool


@click.group()
def models() -> None:
    """List, show and pull model packages.

    \b
    Examples:
      rebounce models list
      rebounce models show light
      rebounce models pull https://example.org/warm.tar.gz
    """


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_verbosity
def list_models(as_json: bool, is_quiet: bool, is_verbose: bool) -> None:
    """The models that come with rebounce, and your own in the user folder.

    \b
    Example:
      rebounce models list
    """
    import json
    from dataclasses import asdict

    from rebounce.engine.model_store import models_folder
    from rebounce.model_telling import entries

    found = list(entries())
    for entry in found:
        if as_json:
            click.echo(json.dumps(asdict(entry)))
        elif entry.error is not None:
            click.echo(f"failed    {entry.error}", err=True)
        else:
            click.echo(entry.line())
    if not (as_json or is_quiet):
        click.echo(f"\nYour own models go into {models_folder()}; rebounce models pull brings one there", err=True)
    raise SystemExit(EXIT_FAILED if any(entry.error for entry in found) else 0)


@models.command("show")
@click.argument("model", metavar="NAME|DIR")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_verbosity
def show_model(model: str, as_json: bool, is_quiet: bool, is_verbose: bool) -> None:
    """What a package is for, takes and gives, what it was trained on, its scores, licence and files, all checked.

    \b
    Examples:
      rebounce models show light
      rebounce models show ./my-export --json
    """
    import json

    from rebounce.engine.model_store import find_model
    from rebounce.model_telling import as_data, as_lines

    package = find_model(model)
    for line in [json.dumps(as_data(package))] if as_json else as_lines(package):
        click.echo(line)


@models.command("pull")
@click.argument("source", metavar="URL|PATH")
@click.option("--name", help="What to call it here; default: its own name.")
@click.option("--sha256", type=_Sha256(), help="What the archive must be; then it may come by http:// too.")
@click.option("--allow-http", "allows_http", is_flag=True, help="Take http://, where anybody on the way may change it.")
@click.option(
    "--timeout",
    "timeout_s",
    default=30.0,
    show_default=True,
    type=NumberRange(0.1, 3600),
    help="Seconds to wait for a server that says nothing.",
)
@click.option("--force", "is_forced", is_flag=True, help="Replace a package of the same name.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, and nothing else there.")
@with_verbosity
def pull_model(**typed: Any) -> None:
    """Bring a package into the user folder: an archive (.zip, .tar, .tar.gz) at an address or path, or a folder.

    Every hash is checked and nothing of the package is run; it is there whole afterwards, or not at all.

    \b
    Examples:
      rebounce models pull https://example.org/warm.tar.gz
      rebounce models pull ~/Downloads/warm.zip --name warm-2 --force
    """
    from rebounce.model_pulling import pull

    pull(PullArguments(**typed))

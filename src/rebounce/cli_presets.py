"""`rebounce presets list|show|check`."""

from pathlib import Path

import click

from rebounce.engine.errors import ModelError, UsageError
from rebounce.verbosity import with_verbosity


def user_presets_folder() -> Path:
    """Where a user keeps chain files that can be named like the bundled ones."""
    from platformdirs import user_config_path

    return user_config_path("rebounce", appauthor=False) / "presets"


def find_preset(name: str) -> str | Path:
    """A bundled name as it is; a user's own name as the path of its file; a path as a path."""
    from rebounce.presets.bundled import bundled_presets

    own = user_presets_folder() / f"{name}.toml"
    if name in bundled_presets() or not own.is_file():
        return name if name in bundled_presets() else Path(name)
    return own


@click.group()
def presets() -> None:
    """List, show and check presets and chain files, and the recipes and curricula of `degrade` and `prepare`.

    \b
    Examples:
      rebounce presets list
      rebounce presets show five-stage > my-chain.toml
      rebounce presets check my-chain.toml my-recipe.toml
    """


@presets.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_verbosity
def list_presets(as_json: bool, is_quiet: bool, is_verbose: bool) -> None:
    """The bundled presets, your own in the user folder, and the recipes and curricula.

    \b
    Example:
      rebounce presets list
    """
    import json
    from dataclasses import asdict

    from rebounce.preset_kinds import PRESET, entries

    kind = PRESET
    for entry in entries():
        if as_json:
            click.echo(json.dumps(asdict(entry)))
            continue
        if entry.kind != kind:
            kind = entry.kind
            click.echo(f"\nfor `rebounce degrade --{kind}`:")
        click.echo(f"{entry.name:12} {entry.description}")
    if not (as_json or is_quiet):
        click.echo(f"\nYour own presets go into {user_presets_folder()}", err=True)


@presets.command("show")
@click.argument("name")
@with_verbosity
def show_preset(name: str, is_quiet: bool, is_verbose: bool) -> None:
    """The text of a preset, recipe or curriculum, ready to be saved and edited.

    \b
    Example:
      rebounce presets show five-stage > my-chain.toml
    """
    from rebounce.preset_kinds import text_of

    click.echo(text_of(name), nl=False)


@presets.command("check")
@click.argument("paths", nargs=-1, required=True)
@click.option("--allow-plugin", "allowed", multiple=True, help="A VST3 bundle outside the system's VST3 folders.")
@with_verbosity
def check_presets(paths: tuple[str, ...], allowed: tuple[str, ...], is_quiet: bool, is_verbose: bool) -> None:
    """Check files: every plugin, fault, parameter and range, every model, and that every VST3 of a chain loads.

    \b
    Example:
      rebounce presets check my-chain.toml my-recipe.toml
    """
    from rebounce.preset_kinds import check

    failed = 0
    for path in paths:
        try:
            holds = check(path, allowed)
        except (UsageError, ModelError) as problem:
            failed += 1
            click.echo(str(problem) if path in str(problem) else f"{path}: {problem}", err=True)
            continue
        if not is_quiet:
            click.echo(f"{path}: fine, {holds}")
    raise SystemExit(1 if failed else 0)

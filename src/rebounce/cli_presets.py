"""`rebounce presets list|show|check`."""

from importlib.resources import files
from pathlib import Path

import click

from rebounce.engine.errors import ChainError, UsageError
from rebounce.verbosity import with_verbosity


def user_presets_folder() -> Path:
    """Where a user keeps chain files that can be named like the bundled ones."""
    from platformdirs import user_config_path

    return user_config_path("rebounce", appauthor=False) / "presets"


def find_preset(name: str) -> str | Path:
    """A bundled name as it is; a user's own name as the path of its file; a path as a path."""
    from rebounce.engine.preset import bundled_presets

    own = user_presets_folder() / f"{name}.toml"
    if name in bundled_presets() or not own.is_file():
        return name if name in bundled_presets() else Path(name)
    return own


@click.group()
def presets() -> None:
    """List, show and check presets and chain files.

    \b
    Examples:
      rebounce presets list
      rebounce presets show five-stage > my-chain.toml
      rebounce presets check my-chain.toml
    """


@presets.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a preset.")
@with_verbosity
def list_presets(as_json: bool, is_quiet: bool, is_verbose: bool) -> None:
    """The bundled presets, and your own in the user folder.

    \b
    Example:
      rebounce presets list
    """
    import json

    from rebounce.engine.preset import bundled_presets, read_preset

    own = sorted(path.stem for path in user_presets_folder().glob("*.toml"))
    for name in [*bundled_presets(), *own]:
        about = read_preset(find_preset(name)).description
        click.echo(json.dumps({"name": name, "description": about}) if as_json else f"{name:12} {about}")
    if not (as_json or is_quiet):
        click.echo(f"\nYour own presets go into {user_presets_folder()}", err=True)


@presets.command("show")
@click.argument("name")
@with_verbosity
def show_preset(name: str, is_quiet: bool, is_verbose: bool) -> None:
    """The text of a preset, ready to be saved and edited.

    \b
    Example:
      rebounce presets show five-stage > my-chain.toml
    """
    from rebounce.engine.preset import bundled_presets, read_preset

    read_preset(find_preset(name))
    if name in bundled_presets():
        click.echo(files("rebounce.presets").joinpath(f"{name}.toml").read_text(encoding="utf-8"), nl=False)
    else:
        click.echo(Path(find_preset(name)).read_text(encoding="utf-8"), nl=False)


@presets.command("check")
@click.argument("paths", nargs=-1, required=True)
@click.option("--allow-plugin", "allowed", multiple=True, help="A VST3 bundle outside the system's VST3 folders.")
@with_verbosity
def check_presets(paths: tuple[str, ...], allowed: tuple[str, ...], is_quiet: bool, is_verbose: bool) -> None:
    """Check chain files: every plugin, parameter and range, and that every VST3 loads.

    \b
    Example:
      rebounce presets check my-chain.toml
    """
    from rebounce.engine.preset import load_preset

    failed = 0
    for path in paths:
        try:
            board = load_preset(find_preset(path), allow_plugins=[Path(item) for item in allowed])
        except (ChainError, UsageError) as problem:
            failed += 1
            click.echo(str(problem) if path in str(problem) else f"{path}: {problem}", err=True)
            continue
        if not is_quiet:
            click.echo(f"{path}: fine, {len(board)} plugin{'' if len(board) == 1 else 's'}")
    raise SystemExit(1 if failed else 0)

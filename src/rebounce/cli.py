"""The command line: each command in a module of its own, imported when it is called.

Exit codes: 0 all fine, unchanged or skipped; 1 some file failed; 2 wrong usage.
"""

import sys
from importlib import import_module

import click

from rebounce import __version__
from rebounce.engine.errors import ModelError, RebounceError, UsageError
from rebounce.interruption import hear_no_more_stops, hear_stops

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

# One line a command: the module that holds it, and what `--help` says of it (told here so that help loads nothing).
COMMANDS = {
    "restore": ("rebounce.cli_restore", "Restore files and folders into an output folder."),
    "inspect": ("rebounce.cli_inspect", "Say what is wrong with files, how sure that is, and what auto would do."),
    "watch": ("rebounce.cli_watch", "Watch folders: what is bounced into them comes out restored."),
    "degrade": ("rebounce.cli_degrade", "Damage clean audio on purpose, as pairs for training and judging."),
    "prepare": ("rebounce.cli_prepare", "Turn masters into token bundles for training."),
    "train": ("rebounce.cli_train", "Train a network on bundles, or a codec on music."),
    "export": ("rebounce.cli_export", "Turn a trained checkpoint into a model package."),
    "evaluate": ("rebounce.cli_evaluate", "Score presets on clean audio that was damaged on purpose."),
    "models": ("rebounce.cli_models", "List, show and pull model packages."),
    "presets": ("rebounce.cli_presets", "List, show and check presets and chain files."),
    "doctor": ("rebounce.cli_doctor", "Say what works on this machine and, if the GPU does not, exactly why."),
    "demo": ("rebounce.cli_demo", "Make a damaged mix, restore it, and show before and after."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported only when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from difflib import get_close_matches

        name = args[0] if args else ""
        close = get_close_matches(name, COMMANDS, n=1)
        if name and name not in COMMANDS and not name.startswith("-") and close:
            ctx.fail(f"No such command {name!r}. Did you mean {close[0]!r}?")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rebounce", message="%(prog)s %(version)s")
def rebounce() -> None:
    """Give a bounced mix back repaired, and everything else untouched.

    \b
    Example:
      rebounce restore mix.wav -o restored --preset five-stage --report
    """


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        hear_stops()
        # A file's name may hold bytes that are no text, or letters that the terminal has not: neither may end a batch.
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        code = rebounce.main(standalone_mode=False)
        hear_no_more_stops()
    except (click.exceptions.Abort, KeyboardInterrupt):
        # An interruption inside exec() of a text, as dataclasses use it while modules are imported, is remembered by
        # CPython even when it was handled, and would decide the exit code; another exec() makes it forget.
        exec("")
        code = _say("interrupted; nothing half-written was left behind", EXIT_INTERRUPTED)
    except click.ClickException as problem:
        problem.show()
        code = EXIT_USAGE
    except (UsageError, ModelError) as problem:
        code = _say(str(problem), EXIT_USAGE if isinstance(problem, UsageError) else EXIT_FAILED)
    except RebounceError as problem:
        code = _say(str(problem), EXIT_FAILED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output left; a second error while closing would only add noise
        code = EXIT_FAILED
    except OSError as problem:
        code = _say(f"{problem}; check the path, its permissions and the room on its disk", EXIT_FAILED)
    sys.exit(code if isinstance(code, int) else 0)


def _say(message: str, code: int) -> int:
    click.echo(f"rebounce: {message}", err=True)
    return code

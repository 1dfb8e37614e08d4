"""What `rebounce watch` does with its arguments: check everything first, then serve, or tell, or try again."""

import contextlib
import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from rebounce.cli_presets import find_preset
from rebounce.interruption import STOPS
from rebounce.printable import printable
from rebounce.progress import Say as PrintLine
from rebounce.watch_bars import WatchBars
from rebounce.watchers.journal import INFO, SMALL
from rebounce.watchers.settings import WatchPlan
from rebounce.watchers.watch_file import overriding, plan_for, read_watch_file

if TYPE_CHECKING:
    from rebounce.cli_watch import Arguments
    from rebounce.watchers.service import Service, Surroundings
    from rebounce.watchers.status import Watched


def run(arguments: "Arguments") -> int:
    """Serve the folders, or what else was asked for; returns the exit code."""
    plan = read_plan(arguments)
    if arguments.asks_status:
        from rebounce.watch_telling import tell_status

        tell_status(plan, state_folder(), arguments.as_json)
        return 0
    if arguments.retries:
        from rebounce.watch_telling import retry_failed

        retry_failed(plan, state_folder(), has_work_after=arguments.is_once)
        if not arguments.is_once:
            return 0
    return _serve(plan, arguments)


def config_here() -> Path | None:
    """The config in the current folder, which is used where nothing is named."""
    from rebounce.cli_watch import CONFIG_NAME

    path = Path(CONFIG_NAME)
    return path if path.exists() else None


def read_plan(arguments: "Arguments") -> WatchPlan:
    """The folders and their settings, from the config or as typed; what was typed wins."""
    web: Any = arguments.web_address or (True if arguments.has_web else None)
    typed = {
        "preset": arguments.preset,
        "settle_s": arguments.settle_s,
        "poll": True if arguments.polls else None,
        "processes": arguments.processes,
        "web": web,
    }
    config = arguments.config or (None if arguments.folders else config_here())
    plan = plan_for(arguments.folders, **typed) if config is None else overriding(read_watch_file(config), **typed)
    return replace(plan, folders=tuple(replace(one, preset=_known(one.preset)) for one in plan.folders))


def _known(preset: str) -> str:
    """A user's own preset by the path of its file; bundled ones by their names."""
    found = find_preset(preset)
    return preset if isinstance(found, str) else str(found)


def state_folder() -> Path:
    """Where this machine keeps the ledgers of shares."""
    from platformdirs import user_state_path

    return user_state_path("rebounce", appauthor=False) / "watch"


def _serve(plan: WatchPlan, arguments: "Arguments") -> int:
    from rebounce.watchers.service import Service, Surroundings

    if plan.web is not None:
        from rebounce.watchers.web.server import require_parts

        require_parts()
    pages: list[Any] = []
    bars = WatchBars(is_shown=not arguments.is_quiet)

    def stop() -> None:
        service.stop()

    around = Surroundings(
        state_folder=state_folder(),
        say=_sayer(arguments, bars.say),
        on_record=_on_record(arguments, stop, bars.say),
        on_progress=lambda path, fraction: bars.show(printable(path), fraction),
        on_folders=lambda watched: _show(pages, watched),
        read_plan=(lambda: read_plan(arguments)) if plan.config else None,
    )
    service = Service(plan, around)
    _stop_on_signals(service)
    try:
        service.prepare()
        pages += _opened_pages(plan, service, around)
    except BaseException:
        service.close()
        raise
    try:
        return service.run(once=arguments.is_once)
    finally:
        bars.stop()
        for page in pages:
            page.stop()


def _opened_pages(plan: WatchPlan, service: "Service", around: "Surroundings") -> list[Any]:
    """The page, where one was asked for."""
    if plan.web is None:
        return []
    from rebounce.watchers.web.calls import Calls
    from rebounce.watchers.web.door import Door
    from rebounce.watchers.web.server import WebPage

    door = Door(address=plan.web, token=plan.web_token, hosts=plan.web_hosts, state_folder=around.state_folder)
    calls = Calls(presets=_presets, wake=service.wake, healthy=lambda: service.is_well, say=around.say)
    page = WebPage(service.watched, door, calls)
    click.echo(f"rebounce: the page is at {page.start()}", err=True)
    return [page]


def _show(pages: list[Any], watched: "list[Watched]") -> None:
    for page in pages:
        page.replace(watched)


def _presets() -> list[str]:
    from rebounce.cli_presets import user_presets_folder
    from rebounce.presets.bundled import bundled_presets

    own = [str(path) for path in sorted(user_presets_folder().glob("*.toml"))]
    return [*bundled_presets(), *(path for path in own if path.isprintable())]


def _stop_on_signals(service: "Service") -> None:
    """The first stop ends the service in order: what runs is parked, and nothing half-written stays."""

    def stop(number: int, frame: FrameType | None) -> None:
        service.stop()

    for number in STOPS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def _sayer(arguments: "Arguments", print_line: PrintLine) -> Callable[[str, str], None]:
    """Prints what happens: everything with -v, without the small steps as it comes, only trouble with -q."""

    def say(level: str, sentence: str) -> None:
        if (level == SMALL and not arguments.is_verbose) or (level in (SMALL, INFO) and arguments.is_quiet):
            return
        with contextlib.suppress(OSError):  # a terminal that was closed, a file on a full disk: the work goes on
            print_line(f"rebounce: {printable(sentence)}", err=True)

    return say


def _on_record(
    arguments: "Arguments", stop: Callable[[], None], print_line: PrintLine
) -> Callable[[dict[str, Any]], None]:
    """Prints records; when nobody reads them any more the service ends in order, since that is what they were for."""

    def show(record: dict[str, Any]) -> None:
        try:
            print_line(json.dumps(record, allow_nan=False))
        except BrokenPipeError:
            stop()
        except OSError as problem:
            with contextlib.suppress(OSError):
                click.echo(f"rebounce: a record could not be told ({problem.strerror}); it lies in its file", err=True)

    return show if arguments.as_json else lambda record: None

"""What a service watches, as TOML: read with every name and number checked; or from folders that were typed.

    jobs = 2                    # files at a time
    web = "127.0.0.1:8787"      # serve the page; true for this address
    web_token = "..."           # asked for when the page is opened from another machine
    web_hosts = ["rebounce.example.org"]    # further names of the page: of a server that stands before it
    log_mb = 5                  # how large a log grows before it is put aside
    keep_logs = 5               # and how many of those are kept
    ledger_days = 365           # how long it is known what became of files that are gone

    [defaults]                  # any key of a folder but its path: for all folders
    settle_s = 5

    [[folder]]
    path = "Bounces"            # from where this file lies, as every path in it; ~ is the home folder
    preset = "five-stage"       # or a chain file, "my-chain.toml"
    strength = 100              # percent
    model = "token-unet"        # or its folder, "./models/mine"
    device = "auto"             # "cpu", "cuda", "cuda:1"
    match = ["*.wav", "Album/*"]    # only these names, upper and lower case alike; * goes through folders too
    ignore = ["*draft*"]        # and never these
    originals = "move"          # into Done; or "keep" where they are
    settle_s = 3                # how long a file must have been still to be finished
    give_up_s = 120             # how long until one that never looks finished is given up
    poll = "auto"               # look for changes instead of being told of them: true, false
    poll_s = 5                  # how often then
    rescan_s = 60               # how often to look through the whole folder for what was missed
    share = "auto"              # whether other machines work on this folder too: true, false
    format = "keep"             # "wav", "flac", "mp3", "ogg"
    bit_depth = "keep"          # "16", "24", "32f"
    sample_rate = "keep"        # or a number of Hz
    clip_mode = "rescale"       # "keep", "clamp", "limit"
    keep_mtime = false          # give results the time of their originals
    save_chain = false          # write NAME.chain.toml beside each result
    allow_plugins = ["plugins/My.vst3"]
    schedule = "mon-fri 22:00-06:00"    # work only then; or "always"
    keep_done_days = "forever"  # or how many days an original stays in Done
    spare_mb = 200              # wait while less than this is free on the disk of the results
    retries = 5                 # of what may pass: a locked file, a share that is gone
    on_done = ["notify-send", "restored {output}"]      # a program and its arguments, run without a shell
    on_failed = "sh -c 'echo failed >> log.txt'"        # as one text: quotes as in a shell
    [folder.names]              # of the folders for results, at the root of this one
    restored = "Restored"
    done = "Done"
    errors = "Errors"

Commands may hold {input} {output} {record} {original} {error} {status}; what is put there stays one argument. Errors
name the line. Whether there is a preset or model of a name is asked where chains are loaded.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from rebounce.engine.errors import UsageError
from rebounce.engine.job import FORMATS
from rebounce.presets.checked_fields import Check, one_of, read_fields, switch, whole
from rebounce.presets.recipe_file import Report, parse_toml, refuse_unknown
from rebounce.presets.toml_places import Place, read_text
from rebounce.watchers.setting_checks import WebAddress, auto_or_switch, rate_hz, token
from rebounce.watchers.settings import NAMES, SettingError, WatchFolder, WatchPlan
from rebounce.watchers.written_paths import RESOLVED, preset, watched_folder

# Keys that are called otherwise in the file than in the dataclass.
OF_A_FOLDER: dict[str, tuple[str, Check]] = {
    "share": ("is_share", auto_or_switch),
    "format": ("file_format", one_of(*FORMATS)),
    "sample_rate": ("sample_rate_hz", rate_hz),
    "save_chain": ("saves_chain", switch),
}
OF_A_PLAN: dict[str, tuple[str, Check]] = {"jobs": ("processes", whole(1, 256)), "web_token": ("web_token", token)}
FOLDER_KEYS = (
    *("path", "preset", "strength", "model", "device", "match", "ignore", "originals", "settle_s", "give_up_s"),
    *("poll", "poll_s", "rescan_s", "share", "format", "bit_depth", "sample_rate", "clip_mode", "keep_mtime"),
    *("save_chain", "allow_plugins", "schedule", "keep_done_days", "spare_mb", "retries", "on_done", "on_failed"),
    "names",
)
PLAN_KEYS = ("jobs", "web", "web_token", "web_hosts", "log_mb", "keep_logs", "ledger_days")


class WatchFileError(UsageError, ValueError):
    """A watch file that cannot be used; the message names file and line."""


class Typed(TypedDict, total=False):
    """What can be typed for all folders at once; None where it was not."""

    preset: str | None
    settle_s: float | None
    poll: bool | None
    processes: int | None
    web: WebAddress | bool | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """The file being read, and what reports its faults."""

    path: Path
    report: Report


def read_watch_file(path: Path) -> WatchPlan:
    """Read and check one watch file; the folders that it names are there."""
    path = Path(os.path.abspath(path))
    try:
        return _plan(read_text(path, "watch file"), path)
    except ValueError as problem:
        raise WatchFileError(str(problem)) from problem


def plan_for(folders: Sequence[Path], **typed: Unpack[Typed]) -> WatchPlan:
    """A plan for folders that were typed, with what was typed beside them; a UsageError for what cannot be."""
    if not folders:
        raise UsageError("watch: expected at least one folder, or --config FILE, found none; name the folder to watch")
    try:
        here = Path.cwd()
        plan = WatchPlan(folders=tuple(WatchFolder(path=watched_folder(str(one), here)) for one in folders))
    except ValueError as problem:
        raise UsageError(f"watch: {str(problem).removeprefix('watch: ')}") from problem
    return overriding(plan, **typed)


def overriding(plan: WatchPlan, **typed: Unpack[Typed]) -> WatchPlan:
    """The plan with what was typed in place of what its file says; a UsageError for what cannot be."""
    given: dict[str, Any] = {key: value for key, value in typed.items() if value is not None}
    of_plan = {key: given.pop(key) for key in ("processes", "web") if key in given}
    try:
        if "preset" in given:
            given["preset"] = preset(str(given["preset"]), Path.cwd())
        return replace(plan, folders=tuple(_changed(folder, given) for folder in plan.folders), **of_plan)
    except ValueError as problem:
        raise UsageError(f"watch: {str(problem).removeprefix('watch: ')}") from problem


def _changed(folder: WatchFolder, given: Mapping[str, Any]) -> WatchFolder:
    """A folder with other settings; it gives up later where it must settle longer, as only that can be typed."""
    if "preset" in given:
        folder = replace(folder, preset_line=0)
    settle_s = given.get("settle_s", 0)
    if isinstance(settle_s, int | float) and settle_s > folder.give_up_s:
        return replace(folder, give_up_s=settle_s, **given)
    return replace(folder, **given)


def _plan(content: str, path: Path) -> WatchPlan:
    table, report = parse_toml(content, str(path), (*PLAN_KEYS, "defaults", "folder"), "a watch file")
    file = _File(path=path, report=report)
    values = _fields(WatchPlan, {key: table[key] for key in PLAN_KEYS if key in table}, OF_A_PLAN, report)
    defaults = _inner(table, "defaults", report)
    if "path" in defaults:
        raise report("path is no default; give each [[folder]] its own", "defaults", "path")
    common = _settings(defaults, file, "defaults")
    tables = report.tables(table, "folder")
    folders = tuple(_folder(item, position, (defaults, common), file) for position, item in enumerate(tables))
    return WatchPlan(folders=folders, config=path, **values)


def _folder(
    item: dict[str, Any], position: int, defaults: tuple[Mapping[str, Any], dict[str, Any]], file: _File
) -> WatchFolder:
    place = ("folder", position)
    own = _settings(item, file, *place)
    path = _resolved(watched_folder, item.get("path"), file, *place, "path")
    table, common = defaults
    line, preset_line = file.report.places.line(*place), _preset_line(item, table, file, place)
    try:
        return WatchFolder(path=path, config=file.path, line=line, preset_line=preset_line, **common | own)
    except SettingError as problem:
        # Each value was checked before, so that only what they are together is left.
        written: list[Place] = [(*place, *keys) for keys in problem.places if _holds(item, keys)]
        inherited: list[Place] = [("defaults", *keys) for keys in problem.places if _holds(table, keys)]
        raise file.report(str(problem), *next(iter([*written, *inherited, place]))) from problem


def _preset_line(item: Mapping[str, Any], defaults: Mapping[str, Any], file: _File, place: Place) -> int:
    """Where the preset of a folder, or else its model or device, is written; 0 where nothing is."""
    for table, where in ((item, place), (defaults, ("defaults",))):
        for key in ("preset", "model", "device"):
            if key in table:
                return file.report.places.line(*where, key)
    return 0


def _holds(table: Any, keys: Sequence[str]) -> bool:
    return not keys or (keys[0] in table and _holds(table[keys[0]], keys[1:]))


def _settings(table: dict[str, Any], file: _File, *place: str | int) -> dict[str, Any]:
    """What one table says of a folder, its path apart: under the names of the dataclass, with paths made whole."""
    report = file.report
    refuse_unknown(table, FOLDER_KEYS, "a folder", report, *place)
    names = _inner(table, "names", report, *place)
    refuse_unknown(names, NAMES, "[names]", report, *place, "names")
    plain = {key: value for key, value in table.items() if key not in ("path", "names")}
    found = _fields(WatchFolder, plain, OF_A_FOLDER, report, *place)
    for key, resolve in RESOLVED.items():
        if key in found:
            found[key] = _resolved(resolve, found[key], file, *place, key)
    return found | read_fields(WatchFolder, names, report, *place, "names")


def _fields(
    kind: type[Any], table: Mapping[str, Any], renamed: Mapping[str, tuple[str, Check]], report: Report, *place: Any
) -> dict[str, Any]:
    """The checked values of a table, those that are called otherwise in the file among them."""
    found = read_fields(kind, {key: value for key, value in table.items() if key not in renamed}, report, *place)
    for key, (name, check) in renamed.items():
        if key in table:
            try:
                found[name] = check(table[key])
            except ValueError as problem:
                shown = "another" if key == "web_token" else repr(table[key])
                raise report(f"expected {key} = {problem}, found {shown}", *place, key) from problem
    return found


def _inner(table: Mapping[str, Any], name: str, report: Report, *place: str | int) -> dict[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise report(f"expected [{name}] as a table, found {name} = {found!r}", *place, name)
    return found


def _resolved(resolve: Callable[[Any, Path], Any], written: Any, file: _File, *place: str | int) -> Any:
    """A setting with its paths made whole; what is not there is told with the line."""
    try:
        return resolve(written, file.path.parent)
    except ValueError as problem:
        raise file.report(str(problem), *place) from problem

"""What the watch folder service is to do, as frozen dataclasses: checked however they were made.

`watchers.watch_file` reads them from TOML and from what was typed. What presets and models there are is known to the
workers; here they are names. Always true here: no folder of a plan is another one, or lies inside it.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from unicodedata import normalize

from rebounce.engine.job import BIT_DEPTHS, CLIP_MODES, FORMATS
from rebounce.engine.sample_formats import CONTAINER_SUBTYPES, MP3_RATES_HZ
from rebounce.presets.checked_fields import check_fields, checked, folder_name, number, one_of, switch, text, whole
from rebounce.watchers.schedule import Schedule
from rebounce.watchers.setting_checks import (
    WebAddress,
    auto_or_switch,
    command,
    days_or_ever,
    device_name,
    host_names,
    hours,
    list_of_texts,
    patterns,
    rate_hz,
    token,
    web_address,
)

MOVE, KEEP = "move", "keep"
NAMES = ("restored", "done", "errors")
LEAST_PERIOD_S, MOST_PERIOD_S = 0.05, 86_400.0
MOST_MB = 1e9


class SettingError(ValueError):
    """Settings that are each fine and cannot be together; `places` leads to them in a file, the likeliest first."""

    def __init__(self, message: str, *places: tuple[str, ...]) -> None:
        super().__init__(message)
        self.places = places


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchFolder:
    """One watched folder and what is done with what falls into it.

    `path` and the path of a chain file in `preset` are absolute. `match` and `ignore` hold name patterns; without
    `match` every name is wanted. `poll` and `is_share` are None where the file system decides; a share has its ledger
    elsewhere and its jobs claimed in the folder. `spare_mb` must stay free on the disk of the results. `keep_done_days`
    is None for ever. `on_done` and `on_failed` are programs with arguments, for `setting_checks.filled`. `config`,
    `line` and `preset_line` say where the folder was written, and what names its preset.
    """

    path: Path
    preset: str = checked(text, "auto")
    strength: float = checked(number(0, 100), 100.0)
    model: str | None = checked(text, None)
    device: str = checked(device_name, "auto")
    match: tuple[str, ...] = checked(patterns, ())
    ignore: tuple[str, ...] = checked(patterns, ())
    originals: str = checked(one_of(MOVE, KEEP), MOVE)
    restored: str = checked(folder_name, "Restored")
    done: str = checked(folder_name, "Done")
    errors: str = checked(folder_name, "Errors")
    settle_s: float = checked(number(0, 3600), 3.0)
    give_up_s: float = checked(number(0, 7 * MOST_PERIOD_S), 120.0)
    poll: bool | None = checked(auto_or_switch, None)
    poll_s: float = checked(number(LEAST_PERIOD_S, MOST_PERIOD_S), 5.0)
    rescan_s: float = checked(number(LEAST_PERIOD_S, MOST_PERIOD_S), 60.0)
    is_share: bool | None = checked(auto_or_switch, None)
    file_format: str = checked(one_of(*FORMATS), "keep")
    bit_depth: str = checked(one_of("keep", *BIT_DEPTHS), "keep")
    sample_rate_hz: int | None = checked(rate_hz, None)
    clip_mode: str = checked(one_of(*CLIP_MODES), "rescale")
    keep_mtime: bool = checked(switch, False)
    saves_chain: bool = checked(switch, False)
    allow_plugins: tuple[str, ...] = checked(list_of_texts, ())
    schedule: Schedule | None = checked(hours, None)  # noqa: RUF009 - it makes a field
    keep_done_days: float | None = checked(days_or_ever, None)
    spare_mb: float = checked(number(0, MOST_MB), 200.0)
    retries: int = checked(whole(0, 1000), 5)
    on_done: tuple[str, ...] = checked(command, ())
    on_failed: tuple[str, ...] = checked(command, ())
    config: Path | None = None
    line: int = field(default=0, compare=False)  # a line more above it is no other folder
    preset_line: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.path, Path) or not self.path.is_absolute():
            raise ValueError(f"watch folder: expected path = an absolute Path, found {self.path!r}")
        check_fields(self, str(self.path))
        self._check_waiting()
        self._check_names()
        self._check_format()

    @property
    def where(self) -> str:
        """What errors begin with: file and line, or the folder where none were written."""
        return f"{self.config}, line {self.line}" if self.config else str(self.path)

    @property
    def where_preset(self) -> str:
        """The same for its preset, which may be a default of all folders."""
        return f"{self.config}, line {self.preset_line}" if self.config and self.preset_line else self.where

    def is_wanted(self, relative: str) -> bool:
        """Whether the patterns let a file through; `relative` is its path below the folder, with / between."""
        whole_name = plain_name(relative)
        names = (whole_name, whole_name.rpartition("/")[2])
        if any(fnmatchcase(name, plain_name(pattern)) for pattern in self.ignore for name in names):
            return False
        return not self.match or any(fnmatchcase(name, plain_name(pattern)) for pattern in self.match for name in names)

    def _check_waiting(self) -> None:
        if self.give_up_s < self.settle_s:
            raise SettingError(
                f"expected give_up_s of at least settle_s = {self.settle_s:g}, found {self.give_up_s:g}; raise it, as "
                "a file must settle before it can be given up",
                ("give_up_s",),
                ("settle_s",),
            )

    def _check_names(self) -> None:
        seen: dict[str, str] = {}
        for key in NAMES:
            name = getattr(self, key)
            # Names that differ in case alone are one folder on most systems.
            other = seen.setdefault(plain_name(name), key)
            if other != key:
                raise SettingError(
                    f"expected {key} = a name of its own, found {name!r} for {other} too; give them different names",
                    ("names", key),
                    ("names", other),
                )

    def _check_format(self) -> None:
        container = self.file_format.upper()
        if self.file_format != "keep" and self.bit_depth != "keep":
            takes = [key for key, subtype in BIT_DEPTHS.items() if subtype in CONTAINER_SUBTYPES[container]]
            if self.bit_depth not in takes:
                can = f"takes {' or '.join(repr(key) for key in takes)}" if takes else "has no bit depth"
                raise SettingError(
                    f"expected bit_depth = one that format = {self.file_format!r} can hold, found {self.bit_depth!r}; "
                    f"{container} {can}, so leave bit_depth out or choose format = 'wav'",
                    ("bit_depth",),
                    ("format",),
                )
        if container == "MP3" and self.sample_rate_hz not in (None, *MP3_RATES_HZ):
            raise SettingError(
                f"expected sample_rate = one that MP3 has, found {self.sample_rate_hz}; choose 48000 or another format",
                ("sample_rate",),
                ("format",),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPlan:
    """All folders of one service, and what is said once for all of them.

    `processes` work at a time. `log_mb` is the size at which a log is put aside, of which `keep_logs` are kept; what
    the ledger knows of files that are gone is forgotten after `ledger_days`. The token is never printed. `web_hosts`
    are further names under which the page may be asked, as those of a server that stands before it.
    """

    folders: tuple[WatchFolder, ...]
    processes: int = checked(whole(1, 256), 1)
    web: WebAddress | None = checked(web_address, None)  # noqa: RUF009 - it makes a field
    web_token: str | None = field(default=None, repr=False)
    web_hosts: tuple[str, ...] = checked(host_names, ())
    log_mb: float = checked(number(0.001, MOST_MB), 5.0)
    keep_logs: int = checked(whole(0, 1000), 5)
    ledger_days: float = checked(number(0, 100_000), 365.0)
    config: Path | None = None

    def __post_init__(self) -> None:
        check_fields(self, "watch")
        if self.web_token is not None:
            try:
                token(self.web_token)
            except ValueError as problem:
                raise ValueError(f"watch: expected web_token = {problem}, found another") from problem
        if not self.folders:
            raise ValueError("watch: expected at least one folder, found none")
        _refuse_overlaps(self.folders)


def plain_name(name: str) -> str:
    """A name without what file systems may change in it: case, and how accents are put together."""
    return normalize("NFC", name).lower()


def _refuse_overlaps(folders: tuple[WatchFolder, ...]) -> None:
    """ValueError for the first folder that is, or lies inside, an earlier one, or holds it."""
    above = [set(_identities(folder.path)) for folder in folders]
    own = [set(_identity(os.path.realpath(folder.path))) for folder in folders]
    for position, folder in enumerate(folders):
        for earlier in range(position):
            relation = _relation(own[position], above[position], own[earlier], above[earlier])
            if relation:
                other = folders[earlier]
                raise ValueError(
                    f"{folder.where}: expected folders that lie apart, found {folder.path}, which {relation} "
                    f"{other.path} ({other.where}); its files would be worked on twice, so leave one of the two out"
                )


def _relation(own: set[object], above: set[object], other: set[object], above_other: set[object]) -> str:
    if own & other:
        return "is the same folder as"
    if above & other:
        return "lies inside"
    return "holds" if own & above_other else ""


def _identities(path: Path) -> Iterator[object]:
    """What tells a folder and each of those above it from others."""
    real = Path(os.path.realpath(path))
    for folder in (real, *real.parents):
        yield from _identity(str(folder))


def _identity(real: str) -> Iterator[object]:
    """The path; and the number on its disk, which is one even where two paths differ in case, or are bound mounts."""
    yield os.path.normcase(real)
    try:
        status = os.stat(real)
    except OSError:
        return
    if status.st_ino:  # some shares number nothing
        yield (status.st_dev, status.st_ino)

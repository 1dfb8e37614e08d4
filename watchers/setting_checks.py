"""What single settings of a watch folder may be, as checks for `presets.checked_fields`.

Always true here: a check takes a value as it stands in TOML as well as the value that it gives, so that settings can be
read from a file, made in a script and changed with `replace` alike.
"""

import ipaddress
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath
from string import Formatter
from typing import Any

from rebounce.presets.checked_fields import check_fields, checked, number, switch, text, texts, whole
from rebounce.watchers.schedule import EXPECTED, Schedule, parse_schedule

PLACEHOLDERS = ("input", "output", "record", "original", "error", "status")
# What runs a text after `-c`.
SHELLS = ("sh", "bash", "dash", "zsh", "ksh", "fish")
RATES_HZ = (8_000, 192_000)
MOST_DAYS = 100_000
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
# Fewer could be tried one after the other.
LEAST_TOKEN = 16


def auto_or_switch(found: Any) -> bool | None:
    """True, false, or None for "auto"."""
    if found is None or found == "auto":
        return None
    try:
        return switch(found)
    except ValueError as problem:
        raise ValueError(f'"auto", {problem}') from problem


def device_name(found: Any) -> str:
    """Where models run."""
    if found in ("auto", "cpu", "cuda"):
        return str(found)
    if isinstance(found, str) and found.startswith("cuda:") and found[5:].isascii() and found[5:].isdigit():
        return found
    raise ValueError('"auto", "cpu", "cuda" or "cuda:N" with the number of a card')


def rate_hz(found: Any) -> int | None:
    """A sample rate, or None for "keep"."""
    if found is None or found == "keep":
        return None
    try:
        return int(whole(*RATES_HZ)(found))
    except ValueError as problem:
        raise ValueError(f'"keep", or {problem}') from problem


def days_or_ever(found: Any) -> float | None:
    """A number of days, or None for "forever"."""
    if found is None or found == "forever":
        return None
    try:
        return float(number(0, MOST_DAYS)(found))
    except ValueError as problem:
        raise ValueError(f'"forever", or {problem}') from problem


def hours(found: Any) -> Schedule | None:
    """A schedule, or None for "always"."""
    if found is None or found == "always":
        return None
    if isinstance(found, Schedule):
        return found
    if not isinstance(found, str):
        raise ValueError(f'"always", or {EXPECTED}')
    return parse_schedule(found)


def list_of_texts(found: Any) -> tuple[str, ...]:
    """Texts, each once; there may be none."""
    return texts(found) if not isinstance(found, list | tuple) or found else ()


def patterns(found: Any) -> tuple[str, ...]:
    """Name patterns that can match something."""
    for pattern in list_of_texts(found):
        if "\\" in pattern or pattern.startswith(("/", "./")):
            raise ValueError(f"patterns from the watched folder on, with / between folders, unlike {pattern!r}")
        if pattern.endswith("/"):
            raise ValueError(f"patterns of files, so write {pattern + '*'!r} for all in a folder")
    return list_of_texts(found)


def command(found: Any) -> tuple[str, ...]:
    """A program and its arguments, as a list or as one text; empty for none."""
    if isinstance(found, str):
        try:
            found = shlex.split(found)
        except ValueError as problem:
            raise ValueError(f"a program and its arguments, with every quote closed ({problem})") from problem
    if not isinstance(found, list | tuple) or not all(isinstance(part, str) and "\0" not in part for part in found):
        raise ValueError("a program and its arguments, as a list of texts or as one text")
    if found and (not found[0].strip() or _has_placeholder(found[0])):
        raise ValueError("a program and its arguments, the program first and by its own name")
    if found and PurePath(found[0]).name in SHELLS and any(_has_placeholder(part) for part in _scripts(found)):
        raise ValueError(
            "a program and its arguments, without placeholders in the text of a shell, which would run what a file is "
            """called; hand them over, as in ["sh", "-c", 'echo "$1"', "sh", "{output}"]"""
        )
    for part in found:
        _has_placeholder(part)
    return tuple(found)


def filled(found: tuple[str, ...], values: Mapping[str, str]) -> list[str]:
    """A checked command as it is run: each argument stays one, whatever is put into it; what has no value is empty."""
    every = dict.fromkeys(PLACEHOLDERS, "") | dict(values)
    return [part.format_map(every) for part in found]


def _scripts(parts: Sequence[str]) -> Iterator[str]:
    """The texts that a shell is asked to run: whatever follows `-c`, or flags that end so."""
    return (part for flag, part in pairwise(parts) if flag.startswith("-") and flag.endswith("c"))


def _has_placeholder(part: str) -> bool:
    """Whether anything will be put into an argument; ValueError for what nothing can be put into."""
    known = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    try:
        fields = [field for field in Formatter().parse(part) if field[1] is not None]
    except ValueError as problem:
        raise ValueError(f"arguments with {known}, and {{{{ or }}}} for a brace itself") from problem
    for _, name, spec, conversion in fields:
        if name not in PLACEHOLDERS or spec or conversion:
            raise ValueError(f"arguments with {known}, without {{{name}}}, and {{{{ or }}}} for a brace itself")
    return bool(fields)


def _host(found: Any) -> str:
    host = text(found)
    if set(host) & set(" /[]@?#%") or not host.isascii() or not host.isprintable():
        raise ValueError("the name or address of this machine on the network")
    return host


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAddress:
    """Where the page is served; port 0 takes one that is free."""

    host: str = checked(_host, "127.0.0.1")
    port: int = checked(whole(0, 65_535), 8787)

    def __post_init__(self) -> None:
        check_fields(self, "web")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """True when only this machine can reach it."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def web_address(found: Any) -> WebAddress | None:
    """Where to serve the page: true for the usual place, "HOST:PORT", None for false."""
    if found is None or found is False:
        return None
    if found is True or isinstance(found, WebAddress):
        return WebAddress() if found is True else found
    expected = 'true, false, or an address as in "127.0.0.1:8787" or "[::1]:8787"'
    host, colon, port = found.rpartition(":") if isinstance(found, str) else ("", "", "")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not port.isascii() or not port.isdigit() or (":" in host) != is_bracketed:
        raise ValueError(expected)
    try:
        return WebAddress(host=host[1:-1] if is_bracketed else host, port=int(port))
    except ValueError as problem:
        raise ValueError(expected) from problem


def host_names(found: Any) -> tuple[str, ...]:
    """Names of servers as they stand in an address, without what is before and after them there."""
    for name in list_of_texts(found):
        if not _HOST_NAME.fullmatch(name):
            raise ValueError(f'names as in ["rebounce.example.org"], without http:// and a port, unlike {name!r}')
    return list_of_texts(found)


def token(found: Any) -> str:
    """What is typed or linked to open the page from elsewhere."""
    is_plain = isinstance(found, str) and found.isascii() and found.isprintable() and " " not in found
    if not is_plain or len(found) < LEAST_TOKEN:
        raise ValueError(f"a secret of {LEAST_TOKEN} letters, digits and signs at least, without spaces")
    return str(found)

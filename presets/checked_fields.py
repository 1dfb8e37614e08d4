"""Frozen dataclasses whose fields say what they may be, and tables of a TOML file read into them.

    learning_rate: float = checked(number(0, 1))

What always holds: an instance holds only what its checks let through, whether it was read or made in a script; a table
with a key too many, a key too few or a wrong value is an error that names the line.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields
from typing import Any

from rebounce.presets.recipe_file import Report, refuse_unknown

Check = Callable[[Any], Any]
"""Gives the value as it is kept; ValueError says what was expected instead."""

_CHECK = "check"


def checked(check: Check, default: Any = MISSING, default_factory: Any = MISSING) -> Any:
    """A field of a dataclass whose `__post_init__` calls `check_fields`."""
    if default_factory is not MISSING:
        return field(default_factory=default_factory, metadata={_CHECK: check})
    return field(default=default, metadata={_CHECK: check})


def check_fields(instance: Any, where: str) -> None:
    """ValueError for the first field that cannot be; what can be is kept as its check gives it."""
    for item in fields(instance):
        value = getattr(instance, item.name)
        if _CHECK not in item.metadata or (value is None and item.default is None):
            continue
        try:
            object.__setattr__(instance, item.name, item.metadata[_CHECK](value))
        except ValueError as problem:
            raise ValueError(f"{where}: expected {item.name} = {problem}, found {value!r}") from problem


def read_fields(kind: type[Any], table: Mapping[str, Any], report: Report, *place: str | int) -> dict[str, Any]:
    """What a table says of the checked fields of a dataclass; keys of its other fields are left to the caller."""
    names = tuple(item.name for item in fields(kind))
    refuse_unknown(table, names, "this table", report, *place)
    return {
        item.name: _value(item, table, report, *place)
        for item in fields(kind)
        if _CHECK in item.metadata and (item.name in table or _is_required(item))
    }


def _value(item: "Field[Any]", table: Mapping[str, Any], report: Report, *place: str | int) -> Any:
    try:
        return item.metadata[_CHECK](table.get(item.name))
    except ValueError as problem:
        found = f"found {table[item.name]!r}" if item.name in table else "found no such key"
        raise report(f"expected {item.name} = {problem}, {found}", *place, item.name) from problem


def _is_required(item: "Field[Any]") -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def number(least: float, most: float) -> Check:
    """A number between two ends, which count."""

    def check(found: Any) -> float:
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        if not is_number or not least <= found <= most:
            raise ValueError(f"a number from {least:g} to {most:g}")
        return float(found)

    return check


def whole(least: int, most: int) -> Check:
    """A whole number between two ends, which count."""

    def check(found: Any) -> int:
        if type(found) is not int or not least <= found <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return found

    return check


def one_of(*names: str) -> Check:
    """One of some names."""

    def check(found: Any) -> str:
        if not isinstance(found, str) or found not in names:
            raise ValueError(f"one of {', '.join(repr(name) for name in names)}")
        return found

    return check


def switch(found: Any) -> bool:
    """True or false."""
    if not isinstance(found, bool):
        raise ValueError("true or false")
    return found


def text(found: Any) -> str:
    """A text with something in it."""
    if not isinstance(found, str) or not found.strip():
        raise ValueError("text in quotes")
    return found


def folder_name(found: Any) -> str:
    """A text that can name a folder on every system."""
    name = text(found)
    if name != name.strip(". ") or set(name) & set('/\\:*?"<>|') or not name.isprintable():
        raise ValueError("a name that can name a folder too")
    return name


def any_text(found: Any) -> str:
    """A text, which may be empty."""
    if not isinstance(found, str):
        raise ValueError("text in quotes")
    return found


def texts(found: Any) -> tuple[str, ...]:
    """Texts, one at least and each once."""
    is_list = isinstance(found, list | tuple) and len(found) > 0
    if not is_list or not all(isinstance(item, str) and item.strip() for item in found):
        raise ValueError("a list of texts in quotes, one at least")
    if len(set(found)) != len(found):
        raise ValueError("a list of texts, each once")
    return tuple(found)

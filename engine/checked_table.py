"""A TOML table read key by key: each value is checked as it is taken, and what nobody took is an unknown key.

Always true here: a fault is a ModelError that names the file, the key, the value and what was expected.
"""

import math
from difflib import get_close_matches
from typing import Any

from rebounce.engine.errors import ModelError

Scalar = str | int | float | bool


class CheckedTable:
    """One table being read; `where` names it in errors. Ends with `finish`."""

    def __init__(self, values: dict[str, Any], where: str) -> None:
        self.where = where
        self._values = values
        self._known: list[str] = []

    def __contains__(self, key: str) -> bool:
        self._known.append(key)
        return key in self._values

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self._take(key, "a text")
        if not isinstance(value, str) or not value.strip():
            raise self._wrong(key, value, "a text that is not empty")
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """One of the texts that are given."""
        wanted = " or ".join(map(repr, choices))
        value = self._take(key, wanted)
        if value not in choices:
            raise self._wrong(key, value, wanted)
        return str(value)

    def whole(self, key: str, low: int, high: int | None = None) -> int:
        """A whole number from `low` to `high`."""
        wanted = f"a whole number from {low}" + (f" to {high}" if high else " on")
        value = self._take(key, wanted)
        if type(value) is not int or value < low or (high is not None and value > high):
            raise self._wrong(key, value, wanted)
        return value

    def number(self, key: str, default: float) -> float:
        """A finite number of at least 0, `default` when it is not there."""
        if key not in self:
            return default
        value = self._values[key]
        if type(value) not in (int, float) or not 0 <= value < float("inf"):
            raise self._wrong(key, value, "a number of at least 0")
        return float(value)

    def shape(self, key: str) -> tuple[int | str, ...]:
        """Sizes, each a number of at least 1 or the name of a size that is open."""
        value = self._take(key, "a list of sizes")
        if not isinstance(value, list) or not all(
            (type(item) is int and item >= 1) or _is_name(item) for item in value
        ):
            raise self._wrong(key, value, 'a list of sizes, each a whole number or a name such as "batch"')
        return tuple(value)

    def tables(self, key: str, required: bool) -> list["CheckedTable"]:
        """The `[[key]]` tables."""
        value = self._take(key, f"[[{key}]] tables") if required else self._values.get(key, [])
        self._known.append(key)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value) or (required and not value):
            raise self._wrong(key, value, f"[[{key}]] tables")
        return [CheckedTable(item, f"{self.where}: {key} {index + 1}") for index, item in enumerate(value)]

    def scalars(self, key: str) -> dict[str, Scalar]:
        """The `[key]` table of texts, numbers and truths; empty when it is not there."""
        if key not in self:
            return {}
        value = self._values[key]
        if not isinstance(value, dict):
            raise self._wrong(key, value, f"a [{key}] table")
        for name, item in value.items():
            if not isinstance(item, (str, int, float, bool)) or (isinstance(item, float) and not math.isfinite(item)):
                raise self._wrong(f"{key}.{name}", item, "a text, a finite number, true or false")
        return dict(value)

    def finish(self) -> None:
        """Refuse what nobody took."""
        for key in self._values:
            if key not in self._known:
                close = get_close_matches(key, self._known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(self._known)}"
                raise ModelError(f"{self.where}: found the unknown key {key!r}; {hint}")

    def _take(self, key: str, wanted: str) -> Any:
        if key not in self:
            raise ModelError(f"{self.where}: expected {key}, {wanted}, found none; export the package again")
        return self._values[key]

    def _wrong(self, key: str, value: Any, wanted: str) -> ModelError:
        return ModelError(f"{self.where}: {key} = {value!r}, expected {wanted}")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value.isidentifier()

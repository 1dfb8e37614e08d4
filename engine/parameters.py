"""What a plugin's parameters may be: descriptors that check every value, in the constructor and live."""

import math
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from rebounce.engine.errors import ChainError

Value = float | int | str | bool | None
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a parameter takes: a range, a set of words, yes and no, or a text.

    `text` says in words what text, and `pattern` is what all of it must match.
    """

    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()
    is_flag: bool = False
    is_optional: bool = False
    text: str = ""
    pattern: str = ".+"

    def check(self, plugin: str, name: str, value: Any) -> Value:
        """`value` as it will be kept, or a ChainError that says what would be right."""
        if value is None and self.is_optional:
            return None
        if self.is_flag and isinstance(value, bool):
            return value
        if self.words and value in self.words:
            return str(value)
        if self.text and isinstance(value, str) and re.fullmatch(self.pattern, value, re.DOTALL):
            return value
        if self._is_numeric and _is_number(value) and self._holds(float(value)):
            return float(value)
        raise ChainError(f"{plugin}: {name} = {value!r}, expected {self.describe()}{self._nearest(value)}")

    def describe(self) -> str:
        """The range in words."""
        if self.text:
            return self.text
        if self.is_flag:
            return "true or false"
        if self.words:
            return "one of " + ", ".join(self.words)
        return "a number" + self._range()

    def _range(self) -> str:
        if self.low is not None and self.high is not None:
            return f" from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f" of at least {self.low:g}"
        return "" if self.high is None else f" of at most {self.high:g}"

    @property
    def _is_numeric(self) -> bool:
        return not (self.is_flag or self.words or self.text)

    def _holds(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def _nearest(self, value: Any) -> str:
        close = get_close_matches(str(value), self.words, n=1)
        return f"; did you mean {close[0]!r}?" if close else ""


def _is_number(value: Any) -> bool:
    if isinstance(value, (bool, str, bytes)):
        return False
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


class _Parameter(Generic[T]):
    """A live attribute whose every value is checked."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, plugin: Any, owner: type) -> T:
        if plugin is None:
            return self  # type: ignore[return-value]  # on the class: the descriptor, whose spec is read
        return plugin._values[self.name]  # type: ignore[no-any-return]

    def __set__(self, plugin: Any, value: T) -> None:
        plugin._values[self.name] = self.spec.check(type(plugin).__name__, self.name, value)


class Number(_Parameter[float]):
    """A number in a closed range; an end that is None is open."""

    def __init__(self, low: float | None = None, high: float | None = None) -> None:
        super().__init__(Spec(low=low, high=high))


class OptionalNumber(_Parameter[float | None]):
    """A number in a closed range, or None."""

    def __init__(self, low: float | None = None, high: float | None = None) -> None:
        super().__init__(Spec(low=low, high=high, is_optional=True))


class Choice(_Parameter[str]):
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        super().__init__(Spec(words=words))


class OptionalChoice(_Parameter[str | None]):
    """One of a few words, or None."""

    def __init__(self, *words: str) -> None:
        super().__init__(Spec(words=words, is_optional=True))


class Text(_Parameter[str]):
    """A text: `what` it is in words, and what all of it must match."""

    def __init__(self, what: str, pattern: str = ".+") -> None:
        super().__init__(Spec(text=what, pattern=pattern))


class Flag(_Parameter[bool]):
    """True or False."""

    def __init__(self) -> None:
        super().__init__(Spec(is_flag=True))


def specs_of(plugin: type) -> dict[str, Spec]:
    """The parameters a plugin class declares, in the order of its bases and its body."""
    found: dict[str, Spec] = {}
    for base in reversed(plugin.__mro__):
        found |= {name: item.spec for name, item in vars(base).items() if isinstance(item, _Parameter)}
    return found


def unknown_name(plugin: str, name: str, known: list[str]) -> ChainError:
    """The error for a parameter that a plugin does not have."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"it has: {', '.join(known) or 'no parameters'}"
    return ChainError(f"{plugin}: expected one of its parameters, found {name!r}; {hint}")

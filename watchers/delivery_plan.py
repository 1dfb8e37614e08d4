"""What is left to be done once a result, or the word of a failure, lies ready: names to be given, in an order that can
be broken off anywhere and gone through again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from rebounce.watchers.bounce import Stamp, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A file that gets another name; both count from the watched folder."""

    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`set_aside` makes room by giving older files numbers, `publish` gives staged files their names, `original` goes
    out of the way, and `remove` is what an earlier failure left. `stamp` is the original's as it was read.
    """

    outcome: State
    stamp: Stamp
    set_aside: tuple[Move, ...] = ()
    publish: tuple[Move, ...] = ()
    original: Move | None = None
    remove: tuple[str, ...] = ()

    def without_room(self) -> "Plan":
        """The plan when room has been made."""
        return replace(self, set_aside=())

    def to_dict(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome.value,
            "stamp": [self.stamp.size, self.stamp.mtime_ns],
            "set_aside": _told(self.set_aside),
            "publish": _told(self.publish),
            "original": None if self.original is None else [self.original.source, self.original.target],
            "remove": list(self.remove),
        }


def plan_from(table: dict[str, Any]) -> Plan:
    """The plan that `to_dict` told."""
    size, mtime_ns = table["stamp"]
    original = table["original"]
    return Plan(
        outcome=State(table["outcome"]),
        stamp=Stamp(size=size, mtime_ns=mtime_ns),
        set_aside=_read(table["set_aside"]),
        publish=_read(table["publish"]),
        original=None if original is None else Move(source=original[0], target=original[1]),
        remove=tuple(table["remove"]),
    )


def _told(moves: Iterable[Move]) -> list[list[str]]:
    return [[move.source, move.target] for move in moves]


def _read(pairs: Iterable[tuple[str, str]]) -> tuple[Move, ...]:
    return tuple(Move(source=source, target=target) for source, target in pairs)

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
    out of the way, and `remove` is what an earlier failure left. `stamp` is the original's as it was read. `side` is
    the staged record or sentence, and the file that it is about: what it is called is decided when it gets its name.
    """

    outcome: State
    stamp: Stamp
    set_aside: tuple[Move, ...] = ()
    publish: tuple[Move, ...] = ()
    side: Move | None = None
    original: Move | None = None
    remove: tuple[str, ...] = ()

    @property
    def staged(self) -> list[str]:
        """Everything that lies ready under the name of a part."""
        return [move.source for move in (*self.publish, *([self.side] if self.side else []))]

    def without_room(self) -> "Plan":
        """The plan when room has been made."""
        return replace(self, set_aside=())

    def to_dict(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome.value,
            "stamp": [self.stamp.size, self.stamp.mtime_ns],
            "set_aside": _told(self.set_aside),
            "publish": _told(self.publish),
            "side": _told_one(self.side),
            "original": _told_one(self.original),
            "remove": list(self.remove),
        }


def plan_from(table: dict[str, Any]) -> Plan:
    """The plan that `to_dict` told."""
    size, mtime_ns = table["stamp"]
    return Plan(
        outcome=State(table["outcome"]),
        stamp=Stamp(size=size, mtime_ns=mtime_ns),
        set_aside=_read(table["set_aside"]),
        publish=_read(table["publish"]),
        side=_read_one(table["side"]),
        original=_read_one(table["original"]),
        remove=tuple(table["remove"]),
    )


def _told_one(move: Move | None) -> list[str] | None:
    return None if move is None else [move.source, move.target]


def _read_one(pair: list[str] | None) -> Move | None:
    return None if pair is None else Move(source=pair[0], target=pair[1])


def _told(moves: Iterable[Move]) -> list[list[str]]:
    return [[move.source, move.target] for move in moves]


def _read(pairs: Iterable[tuple[str, str]]) -> tuple[Move, ...]:
    return tuple(Move(source=source, target=target) for source, target in pairs)

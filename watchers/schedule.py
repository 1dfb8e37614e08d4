"""When a folder may be worked on: one window of the day, on some days of the week.

    "22:00-06:00"               every night
    "mon-fri 22:00-06:00"       a window over midnight belongs to the day on which it opens
    "sat,sun 00:00-24:00"       whole days

Always true here: the start belongs to a window and its end does not; the clock is that of the wall, whichever the
caller reads, and nothing here reads one.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rebounce.presets.checked_fields import check_fields, checked, whole

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
EXPECTED = 'hours as in "22:00-06:00", "mon-fri 22:00-06:00" or "sat,sun 00:00-24:00"'

_DAY = "|".join(DAYS)
_RANGE = rf"(?:{_DAY})(?:-(?:{_DAY}))?"
_TIME = r"(\d{1,2}):(\d{2})"
_SCHEDULE = re.compile(rf"(?:({_RANGE}(?:\s*,\s*{_RANGE})*)\s+)?{_TIME}\s*-\s*{_TIME}", re.ASCII)


def _days(found: Any) -> tuple[int, ...]:
    is_some = isinstance(found, list | tuple) and len(found) > 0
    if not is_some or not all(type(day) is int and 0 <= day < len(DAYS) for day in found):
        raise ValueError("days of the week, 0 for Monday to 6 for Sunday, one at least")
    return tuple(sorted(set(found)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A window that opens `start_min` after midnight on `days` (0 is Monday) and closes when the clock shows `end_min`.

    With an end before its start it closes on the next day.
    """

    start_min: int = checked(whole(0, DAY_MIN - 1))
    end_min: int = checked(whole(0, DAY_MIN))
    days: tuple[int, ...] = checked(_days, tuple(range(len(DAYS))))

    def __post_init__(self) -> None:
        check_fields(self, "schedule")
        if self.start_min == self.end_min:
            raise ValueError(f"schedule: expected two times that differ, found {_clock(self.start_min)} twice")

    def __str__(self) -> str:
        """What `parse_schedule` reads the same from."""
        days = "" if len(self.days) == len(DAYS) else ",".join(DAYS[day] for day in self.days) + " "
        return f"{days}{_clock(self.start_min)}-{_clock(self.end_min)}"

    def is_open(self, now: datetime) -> bool:
        """Whether the moment lies in a window, one that opened on the day before among them."""
        since_min = _minutes(now) - self.start_min
        if now.weekday() in self.days and 0 <= since_min < self._length_min:
            return True
        return (now.weekday() - 1) % len(DAYS) in self.days and since_min + DAY_MIN < self._length_min

    def next_opening(self, now: datetime) -> datetime:
        """The moment itself where a window is open, else when the next one opens."""
        if self.is_open(now):
            return now
        hour, minute = divmod(self.start_min, 60)
        today = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        later = (today + timedelta(days=ahead) for ahead in range(len(DAYS) + 1))
        return next(start for start in later if start > now and start.weekday() in self.days)

    @property
    def _length_min(self) -> int:
        return self.end_min - self.start_min + (DAY_MIN if self.end_min < self.start_min else 0)


def parse_schedule(text: str) -> Schedule:
    """The schedule that a text asks for; ValueError says what was expected instead."""
    match = _SCHEDULE.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(EXPECTED)
    days, *clock = match.groups()
    hour, minute, end_hour, end_minute = (int(number) for number in clock)
    if max(minute, end_minute) > 59 or hour > 23 or end_hour * 60 + end_minute > DAY_MIN:
        raise ValueError(f"{EXPECTED}, from 00:00 to 23:59, and 24:00 as an end")
    start_min, end_min = hour * 60 + minute, end_hour * 60 + end_minute
    if start_min == end_min:
        raise ValueError('hours between two times that differ, or "00:00-24:00" for whole days')
    return Schedule(start_min=start_min, end_min=end_min, days=_named_days(days) if days else tuple(range(len(DAYS))))


def _named_days(text: str) -> tuple[int, ...]:
    """The days of "mon-wed, sat"; a range may go over the end of the week."""
    found: list[int] = []
    for item in text.split(","):
        first, _, last = item.strip().partition("-")
        start = DAYS.index(first)
        found += [(start + ahead) % len(DAYS) for ahead in range((DAYS.index(last or first) - start) % len(DAYS) + 1)]
    return tuple(found)


def _minutes(now: datetime) -> float:
    return now.hour * 60 + now.minute + now.second / 60 + now.microsecond / 60e6


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"

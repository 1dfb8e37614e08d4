"""Schedules: when a window is open, also over midnight and over the end of the week, and when the next one opens."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebounce.watchers.schedule import DAY_MIN, Schedule, parse_schedule

Moment = tuple[int, str]
MONDAY = datetime(2024, 1, 1)
SCHEDULES = st.builds(
    lambda start, end, days: Schedule(start_min=start, end_min=end if end != start else DAY_MIN, days=tuple(days)),
    st.integers(0, DAY_MIN - 1),
    st.integers(0, DAY_MIN),
    st.lists(st.integers(0, 6), min_size=1),
)
MOMENTS = st.datetimes(datetime(2023, 1, 1), datetime(2026, 1, 1))


def at(day: int, clock: str) -> datetime:
    """A day of the week that began on Monday, 1 January 2024, at a time."""
    hour, minute = clock.split(":")
    return MONDAY + timedelta(days=day, hours=int(hour), minutes=int(minute))


@pytest.mark.parametrize(
    ("text", "is_open", "is_closed"),
    [
        ("09:00-17:00", [(0, "09:00"), (6, "16:59")], [(0, "08:59"), (0, "17:00"), (3, "00:00")]),
        ("22:00-06:00", [(0, "22:00"), (0, "05:59"), (1, "00:00")], [(0, "06:00"), (0, "21:59")]),
        # Friday's window ends on Saturday; Monday morning belongs to Sunday, which has none.
        ("mon-fri 22:00-06:00", [(4, "23:00"), (5, "05:59")], [(5, "22:00"), (0, "05:59"), (6, "05:59")]),
        ("sat,sun 00:00-24:00", [(5, "00:00"), (6, "23:59")], [(4, "23:59"), (7, "00:00")]),
        ("sun-mon 20:00-24:00", [(6, "20:00"), (0, "23:59")], [(1, "00:00"), (1, "20:00"), (5, "20:00")]),
        ("WED 20:00 - 00:00", [(2, "23:59")], [(3, "00:00"), (2, "19:59")]),
        ("mon-tue, sat 9:30-10:00", [(0, "09:30"), (1, "09:59"), (5, "09:30")], [(2, "09:30"), (6, "09:30")]),
    ],
)
def test_a_window_is_open_when_its_text_says_so(text: str, is_open: list[Moment], is_closed: list[Moment]) -> None:
    schedule = parse_schedule(text)
    assert [moment for moment in is_open if not schedule.is_open(at(*moment))] == []
    assert [moment for moment in is_closed if schedule.is_open(at(*moment))] == []


@pytest.mark.parametrize(
    ("text", "now", "opening"),
    [
        ("22:00-06:00", (0, "12:00"), (0, "22:00")),
        ("22:00-06:00", (0, "23:30"), (0, "23:30")),
        ("mon-fri 22:00-06:00", (5, "06:00"), (7, "22:00")),
        ("mon 09:00-10:00", (0, "10:00"), (7, "09:00")),
        ("mon 09:00-10:00", (0, "08:59"), (0, "09:00")),
    ],
)
def test_the_next_opening_is_now_or_the_next_start(text: str, now: Moment, opening: Moment) -> None:
    assert parse_schedule(text).next_opening(at(*now)) == at(*opening)


@given(SCHEDULES, MOMENTS)
def test_a_schedule_is_open_when_it_next_opens_and_closed_until_then(schedule: Schedule, now: datetime) -> None:
    opening = schedule.next_opening(now)
    assert now <= opening <= now + timedelta(days=7)
    assert schedule.is_open(opening)
    if opening > now:
        assert not schedule.is_open(now)
        assert not schedule.is_open(now + (opening - now) / 2)
        assert not schedule.is_open(opening - timedelta(microseconds=1))


@given(SCHEDULES)
def test_a_week_is_open_as_long_as_its_windows_are(schedule: Schedule) -> None:
    # Windows of at most a day, each opening on its own day: they overlap nowhere.
    length_min = (schedule.end_min - schedule.start_min) % DAY_MIN or DAY_MIN
    is_open = (schedule.is_open(MONDAY + timedelta(minutes=minute)) for minute in range(7 * DAY_MIN))
    assert sum(is_open) == length_min * len(schedule.days)


@given(SCHEDULES)
def test_what_is_written_is_read_as_the_same(schedule: Schedule) -> None:
    assert parse_schedule(str(schedule)) == schedule


@pytest.mark.parametrize(
    "text",
    [
        *("", "night", "22-06", "22:00", "22:00-6", "24:00-06:00", "22:60-06:00", "00:00-24:01", "0:00-25:00"),
        *("mon 22:00", "mo 22:00-06:00", "mon- 22:00-06:00", "mon,,tue 22:00-06:00", "mon22:00-06:00"),
        "22:00-06:00 mon",
    ],
)
def test_what_is_no_schedule_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r'^hours as in "22:00-06:00", "mon-fri 22:00-06:00" or "sat,sun 00:00-24:00"'):
        parse_schedule(text)


@pytest.mark.parametrize("text", ["06:00-06:00", "00:00-00:00", "sat 12:30-12:30"])
def test_a_window_without_length_is_refused_with_what_to_write_for_a_day(text: str) -> None:
    with pytest.raises(ValueError, match=r'^hours between two times that differ, or "00:00-24:00" for whole days$'):
        parse_schedule(text)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"start_min": 60, "end_min": 60}, "schedule: expected two times that differ, found 01:00 twice"),
        ({"start_min": DAY_MIN, "end_min": 0}, "schedule: expected start_min = a whole number from 0 to 1439"),
        ({"start_min": 0, "end_min": 1441}, "schedule: expected end_min = a whole number from 0 to 1440"),
        ({"start_min": 0, "end_min": 1, "days": ()}, "schedule: expected days = days of the week, 0 for Monday"),
        ({"start_min": 0, "end_min": 1, "days": (7,)}, "schedule: expected days = days of the week, 0 for Monday"),
    ],
)
def test_a_schedule_made_in_a_script_is_checked_too(values: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Schedule(**values)  # type: ignore[arg-type]

"""Numbers and names of scores in plain text, the same in every table.

What always holds: undefined is empty, and a number that rounds to nothing has no sign.
"""

from collections.abc import Sequence

from rebounce.training.scores.confidence import Interval
from rebounce.training.scores.registry import SCORES

WAYS = {"higher": "higher is better", "lower": "lower is better", "zero": "best at zero, and averaged by its size"}


def column_title(name: str) -> str:
    """The score with its unit, and why its column is empty where what it needs cannot be used."""
    score = SCORES[name]
    unit = f", {score.unit}" if score.unit else ""
    trouble = score.trouble()
    return f"{score.title}{unit}{f' ({trouble})' if trouble else ''}"


def score_lines(scores: Sequence[str]) -> list[tuple[str, str]]:
    """What the columns are, and which way they run."""
    return [(SCORES[name].title, f"{SCORES[name].about}; {WAYS[SCORES[name].better]}") for name in scores]


def number_text(value: float | None, digits: int, sign: str = "") -> str:
    """A number with so many decimals, and no sign where it rounds to nothing."""
    if value is None:
        return ""
    rounded = round(value, digits)
    return f"{abs(rounded):.{digits}f}" if rounded == 0 else f"{rounded:{sign}.{digits}f}"


def digits_of(score: str) -> int:
    """How many decimals a score is shown with."""
    return 2 if SCORES[score].unit else 3


def least_shown(score: str) -> float:
    """The smallest size that does not round to nothing."""
    return 0.5 * 10.0 ** -digits_of(score)


def score_text(score: str, value: float | None) -> str:
    """The number of a score."""
    return number_text(value, digits_of(score))


def named_score(score: str, value: float) -> str:
    """`SI-SDR 12.30 dB`."""
    return f"{SCORES[score].title} {score_text(score, value)} {SCORES[score].unit}".rstrip()


def interval_text(interval: Interval, digits: int, sign: str = "") -> str:
    """`10.1 to 14.5`; empty where one track says nothing of others."""
    if interval.low is None or interval.high is None:
        return ""
    return f"{number_text(interval.low, digits, sign)} to {number_text(interval.high, digits, sign)}"


def percent(share: float | None) -> str:
    """Rounded down: a rate that is nearly all must not read as all."""
    # A little is added because 0.57 x 1000 may come out below 570.
    return "" if share is None else f"{int(share * 1000 + 1e-9) / 10:g} %"


def counted(number: int, word: str) -> str:
    """`1 item`, `2 items`."""
    return f"{number} {word}{'' if number == 1 else 's'}"

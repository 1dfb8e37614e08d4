"""What came of an evaluation as tables of text, for whoever shows them: the terminal, Markdown, the page.

A cell says its number, where it lies with 95 % confidence, and what was gained over the damaged input. What is
undefined is empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rebounce.training.evaluation.aggregate import LEAST_TRACKS, Gain, Rate, Row
from rebounce.training.evaluation.groups import MIXED
from rebounce.training.evaluation.harm import Harm
from rebounce.training.evaluation.run import Evaluation, Section
from rebounce.training.evaluation.token_scores import TokenRow
from rebounce.training.evaluation.wording import (
    column_title,
    counted,
    digits_of,
    interval_text,
    named_score,
    number_text,
    percent,
)
from rebounce.training.scores.confidence import Interval
from rebounce.training.scores.registry import SCORES

SHARE_DIGITS = 3

ABOUT_ACROSS = (
    "The average score is the mean over the faults of the share of the damage that is gone: 1 is all of it, 0 is what "
    "doing nothing gets, below 0 is more damage than before. The spread is the standard deviation over the faults, the "
    "robustness index the mean of their worse half. All three are made of the faults' own scores beside them, and are "
    "defined by rebounce alone."
)

ABOUT_TOKENS = (
    "The damaged input and every preset's output encoded: the share of tokens that are those of the clean audio, in "
    "all codebooks and in each. Tokens of the same sound may differ, most of all in the later codebooks."
)
ABOUT_USAGE = (
    "The clean audio of all items encoded, and how it uses each codebook. The perplexity is as how many codes used "
    "alike it counts."
)

ABOUT_HARM = (
    "clean audio through each preset: the share of tracks that come back bit-identical, and the worst change; it "
    "judges excerpts of {seconds:g} s in memory, not whole files and not how they are written"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One cell: `interval` as "10.1 to 14.5", `gain` as "+3.1", `verdict` 1 for surely better, -1 for surely worse."""

    value: str = ""
    interval: str = ""
    gain: str = ""
    gain_interval: str = ""
    verdict: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A title, a line about it, a head, rows that begin with their name, and notes below."""

    title: str
    about: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Shown, ...]], ...]
    notes: tuple[str, ...] = ()


def section_table(section: Section, scores: Sequence[str]) -> Table:
    """One group: a row a system, a column a score."""
    return Table(
        title=section.group.name,
        about=f"{section.group.about}; {counted(section.items, 'item')} of {counted(section.tracks, 'track')}",
        head=tuple(column_title(score) for score in scores),
        rows=tuple((row.system, tuple(_shown(row, score) for score in scores)) for row in section.rows),
        notes=tuple(_section_notes(section, scores)),
    )


def harm_table(evaluation: Evaluation) -> Table:
    """The audit of clean audio: a row a preset."""
    harms = evaluation.harms
    return Table(
        title="Do no harm",
        about=ABOUT_HARM.format(seconds=evaluation.plan.bench.seconds),
        head=("identical", "at least", "target", "reached", "worst change, dBFS"),
        rows=tuple((harm.preset, tuple(Shown(value=text) for text in _harm_cells(harm))) for harm in harms),
        notes=tuple(note for harm in harms for note in _harm_notes(harm)),
    )


def across_table(evaluation: Evaluation) -> Table:
    """The numbers across faults with all their parts; without rows where a score they need was not asked for."""
    faults = [section.group.name for section in evaluation.sections if section.group.name != MIXED]
    rows = []
    for system, summary in evaluation.summaries.items():
        if summary is None or not summary.faults:
            continue
        parts = {row.fault: row.interval for row in summary.faults}
        cells = [*summary.intervals.values(), *(parts.get(fault) for fault in faults)]
        rows.append((system, tuple(_interval_cell(interval) for interval in cells)))
    return Table(
        title="Across faults",
        about=ABOUT_ACROSS,
        head=("average score", "spread", "robustness index", *faults),
        rows=tuple(rows),
    )


def token_tables(evaluation: Evaluation) -> list[Table]:
    """Token accuracy, a row a system in each group, and token usage; none without a codec, or tokens."""
    rows = [(section, row) for section in evaluation.sections for row in section.tokens]
    books = max((len(row.per_codebook) for _, row in rows), default=0)
    head = tuple(f"book {number + 1}" for number in range(books))
    accuracy = Table(
        title="Tokens",
        about=ABOUT_TOKENS,
        head=("all", *head),
        rows=tuple((token_row_name(section, row), tuple(_token_cells(row))) for section, row in rows),
        notes=tuple(
            f"{token_row_name(section, row)}: {counted(row.undefined, 'item')} could not be encoded"
            for section, row in rows
            if row.undefined
        ),
    )
    return [table for table in (accuracy, _usage_table(evaluation, head)) if table.rows]


def token_row_name(section: Section, row: TokenRow) -> str:
    """What a row of the token table is called."""
    return f"{section.group.name}: {row.system}"


def _token_cells(row: TokenRow) -> list[Shown]:
    return [_interval_cell(interval) for interval in (row.overall, *row.per_codebook)]


def _usage_table(evaluation: Evaluation, head: tuple[str, ...]) -> Table:
    usage = evaluation.usage
    lines = () if usage is None else (
        ("perplexity", tuple(number_text(value, 1) for value in usage.perplexity)),
        (f"of {usage.codebook_size} codes used", tuple(percent(share) for share in usage.used)),
        ("the most frequent one", tuple(percent(share) for share in usage.largest)),
        ("tokens", tuple(str(count) for count in usage.tokens)),
    )  # fmt: skip
    rows = tuple((name, tuple(Shown(value=text) for text in texts)) for name, texts in lines)
    return Table(title="Token usage", about=ABOUT_USAGE, head=head, rows=rows)


def _interval_cell(interval: Interval | None) -> Shown:
    """A share, or empty."""
    if interval is None:
        return Shown()
    return Shown(value=number_text(interval.mean, SHARE_DIGITS), interval=interval_text(interval, SHARE_DIGITS))


def _shown(row: Row, score: str) -> Shown:
    cell = row.cells[score]
    digits = digits_of(score)
    gain = cell.gain
    return Shown(
        value=number_text(cell.interval.mean, digits),
        interval=interval_text(cell.interval, digits),
        gain=number_text(gain.interval.mean, digits, "+") if gain else "",
        gain_interval=interval_text(gain.interval, digits, "+") if gain else "",
        verdict=gain.verdict if gain else 0,
    )


def _section_notes(section: Section, scores: Sequence[str]) -> list[str]:
    notes = []
    if section.tracks < LEAST_TRACKS:
        notes.append(
            f"no gain is marked as sure with fewer than {LEAST_TRACKS} tracks, which may all go one way by chance"
        )
    if section.undamaged:
        notes.append(f"{counted(section.undamaged, 'item')} drew no fault at all and are left out")
    for row in section.rows:
        notes += _row_notes(row, section.items)
    first = section.rows[0]
    for row in section.rows:
        if row is first or _undefined(row, scores) != _undefined(first, scores):
            notes += [f"{row.system}: {sentence}" for sentence in _undefined(row, scores)]
    return notes


def _row_notes(row: Row, items: int) -> list[str]:
    notes = []
    if row.failed:
        notes.append(f"{row.system}: failed on {row.failed} of {counted(items, 'item')}; its means are of the others")
    if row.absent:
        others = "" if row.absent == items else "; its means are of the others"
        notes.append(f"{row.system}: does not exist for {row.absent} of {counted(items, 'item')}{others}")
    if row.unchanged and row.is_result:
        notes.append(f"{row.system}: returned {row.unchanged} of {counted(items, 'item')} bit-identical")
    return notes


def _undefined(row: Row, scores: Sequence[str]) -> list[str]:
    """How many items no mean counts, score by score; what a row says once holds for the rows that say the same."""
    counts: dict[int, list[str]] = {}
    for score in scores:
        counts.setdefault(row.cells[score].undefined, []).append(SCORES[score].title)
    return [
        f"undefined on {counted(count, 'item')}, which no mean counts: {', '.join(titles)}"
        for count, titles in sorted(counts.items())
        if count
    ]


def _harm_cells(harm: Harm) -> tuple[str, ...]:
    rate = harm.identical
    worst = number_text(harm.worst.change_dbfs, 1) if harm.worst else ""
    return (_of(rate), percent(rate.least), percent(harm.target), "yes" if harm.is_reached else "no", worst)


def _harm_notes(harm: Harm) -> list[str]:
    notes = []
    if not harm.is_reached and harm.identical.successes == harm.identical.tracks and harm.tracks_needed:
        notes.append(
            f"{harm.preset}: {percent(harm.target)} cannot be shown with {counted(harm.identical.tracks, 'track')}, "
            f"however well it does; it takes {harm.tracks_needed}"
        )
    if harm.worst is not None:
        scores = [named_score(name, value) for name, value in harm.worst.scores.items() if value is not None]
        where = f"{harm.worst.path}, from {harm.worst.start_s:.1f} s on"
        notes.append(f"{harm.preset}: the worst change is in {where}: {', '.join(scores)}")
    if harm.silent:
        silent = counted(harm.silent, "excerpt")
        notes.append(f"{harm.preset}: {silent} of digital silence came back as such, which shows nothing: left out")
    if harm.failed:
        notes.append(f"{harm.preset}: failed on {counted(harm.failed, 'clean item')}, which count as changed")
    return notes


def _of(rate: Rate) -> str:
    return f"{rate.successes} of {rate.tracks} ({percent(rate.share)})" if rate.tracks else "0 of 0"


def gain_rate(gain: Gain) -> str:
    """How often a system was better than the damaged input, and how often it is at least."""
    return f"{_of(gain.better)}, at least {percent(gain.better.least)}"

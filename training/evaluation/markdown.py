"""The tables of an evaluation as Markdown, to be read and to be quoted; no name in them is taken for Markdown."""

import re
from collections.abc import Callable, Iterable

from rebounce.training.evaluation.run import Evaluation, Section
from rebounce.training.evaluation.tables import (
    Shown,
    Table,
    across_table,
    gain_rate,
    harm_table,
    section_table,
    token_tables,
)
from rebounce.training.evaluation.wording import counted, score_lines
from rebounce.training.evaluation.worth import worth_table
from rebounce.training.scores.registry import SCORES

READING = (
    "Numbers are means over items, each with the range in which the mean lies with 95 % confidence, over tracks. Only "
    "presets are results: the damaged input is what doing nothing gets, and a round trip and oracles are what to read "
    "results against."
)
GAINS = (
    "How much better than the damaged input, on the same items; **bold** where the interval lies on one side of zero:"
)


def markdown_of(evaluation: Evaluation) -> str:
    """The whole document."""
    plan = evaluation.plan
    parts = ["# Evaluation", f"{_escaped(summary_line(evaluation))}.", READING]
    if evaluation.problems:
        parts += ["## What went wrong", _bullets(evaluation.problems)]
    if evaluation.harms:
        parts += _described(harm_table(evaluation), _value)
    across = across_table(evaluation)
    if across.rows:
        parts += _described(across, _value)
    worth = worth_table(evaluation)
    if worth.rows:
        parts += _described(worth, _value)
    for section in evaluation.sections:
        table = section_table(section, plan.bench.scores)
        parts += _described(table, _value)
        parts += [GAINS, _grid(table.head, table.rows[1:], _gain)]
        rates = _rates(section, plan.bench.scores)
        parts += ["Tracks on which a preset was better:", _bullets(rates)] if rates else []
    for table in token_tables(evaluation):
        parts += _described(table, _value)
    parts += ["## What the rows are", _terms((system.name, system.about) for system in evaluation.systems)]
    parts += ["## What the columns are", _terms(score_lines(plan.bench.scores))]
    return "\n\n".join(parts) + "\n"


def summary_line(evaluation: Evaluation) -> str:
    """What was evaluated, in a line."""
    plan = evaluation.plan
    presets = ", ".join(preset.name for preset in plan.bench.presets) or "no preset"
    each = f"{counted(plan.items, 'item')} of {plan.bench.seconds:g} s each"
    return f"{presets}; {counted(len(plan.tracks), 'track')}, {each} in each group, seed {plan.seed}"


def _described(table: Table, text: Callable[[Shown], str]) -> list[str]:
    about = f"{table.about[:1].upper()}{table.about[1:]}".rstrip(".") + "."
    notes = [_bullets(table.notes)] if table.notes else []
    return [f"## {_escaped(table.title)}", _escaped(about), _grid(table.head, table.rows, text), *notes]


def _grid(head: Iterable[str], rows: Iterable[tuple[str, tuple[Shown, ...]]], text: Callable[[Shown], str]) -> str:
    titles = ["", *map(_escaped, head)]
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)]]
    lines += [[_escaped(name), *(text(cell) for cell in cells)] for name, cells in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _value(cell: Shown) -> str:
    return f"{cell.value} [{cell.interval}]" if cell.interval else cell.value


def _gain(cell: Shown) -> str:
    whole = f"{cell.gain} [{cell.gain_interval}]" if cell.gain_interval else cell.gain
    return f"**{whole}**" if cell.verdict else whole


def _rates(section: Section, scores: Iterable[str]) -> list[str]:
    return [
        f"{row.system}, {SCORES[score].title}: {gain_rate(gain)}"
        for row in section.rows
        for score in scores
        if row.is_result and (gain := row.cells[score].gain) is not None
    ]


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {_escaped(line)}" for line in lines)


def _terms(lines: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- **{_escaped(name)}**: {_escaped(about)}" for name, about in lines)


def _escaped(text: str) -> str:
    """The text as it is read, in one line: a backslash before whatever Markdown would take for its own."""
    marked = re.sub(r"[\\`*_\[\]<>|~$&]", r"\\\g<0>", " ".join(text.split()))
    return re.sub(r"^(\d*)([#+\-=.)])", r"\1\\\2", marked)

"""A table for a terminal: as many columns as fit, numbers to the right, `+` and `!` where something is sure."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from rebounce.training.evaluation.tables import Shown, Table
from rebounce.training.evaluation.wording import counted

GAP = "  "
TITLE_WIDTH = 13
MARKS = {1: "+", -1: "!", 0: ""}
LEGEND = (
    "+ surely better than the damaged input, ! surely worse (95 % confidence, over tracks); "
    "SNR and SI-SDR end at 120 dB, for a copy"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """A title and one text a row, each in lines; the last letter of a number is kept free for its mark."""

    title: list[str]
    cells: list[list[str]]

    @property
    def width(self) -> int:
        return max(len(line) for lines in (self.title, *self.cells) for line in lines)


def plain(table: Table, width: int, has_intervals: bool = False) -> str:
    """The table in lines of at most `width`; what does not fit is counted below it."""
    columns = [
        _Column(
            title=wrap(title, TITLE_WIDTH, break_long_words=False) or [""],
            cells=[_lines(cells[place], has_intervals) for _, cells in table.rows],
        )
        for place, title in enumerate(table.head)
    ]
    first = max((len(name) for name, _ in table.rows), default=0)
    shown = columns[: _fitting(columns, width - first)]
    height = max((len(column.title) for column in shown), default=0)
    lines = _joined("", [[""] * (height - len(column.title)) + column.title for column in shown], shown, first)
    for number, (name, _) in enumerate(table.rows):
        lines += _joined(name, [column.cells[number] for column in shown], shown, first)
    if len(shown) < len(columns):
        hidden = counted(len(columns) - len(shown), "column")
        lines += wrap(f"({hidden} more: in a wider terminal, and in table.md of -o DIR)", width)
    about = wrap(f"{table.title}: {table.about}", width)
    return "\n".join([*about, *lines, *(f"  {note}" for note in table.notes)])


def _lines(cell: Shown, has_intervals: bool) -> list[str]:
    # One place for the mark, in every cell, so that numbers stand below each other.
    number = f"{cell.value}{MARKS[cell.verdict] or ' '}"
    return [number, f"{cell.interval} "] if has_intervals and cell.interval else [number]


def _joined(name: str, cells: Sequence[Sequence[str]], columns: Sequence[_Column], first: int) -> list[str]:
    """One row of the table in as many lines as its highest cell."""
    lines = []
    for line in range(max((len(cell) for cell in cells), default=1)):
        texts = [
            (cell[line] if line < len(cell) else "").rjust(column.width)
            for cell, column in zip(cells, columns, strict=True)
        ]
        lines.append(GAP.join([(name if line == 0 else "").ljust(first), *texts]).rstrip())
    return lines


def _fitting(columns: Sequence[_Column], width: int) -> int:
    """How many columns fit, at least one."""
    used = 0
    for number, column in enumerate(columns):
        used += len(GAP) + column.width
        if used > width:
            return max(1, number)
    return len(columns)

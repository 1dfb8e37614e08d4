"""The page of an evaluation: all tables, what their rows and columns are, and the way to what can be heard.

What always holds: a page loads nothing from anywhere (its own security policy forbids it), and colour never says
anything that a sign does not say too.
"""

import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files as resources
from pathlib import Path

from rebounce import __version__
from rebounce.engine import wording
from rebounce.engine.colours import colour_map
from rebounce.engine.pictures import LOUDEST_DBFS, QUIETEST_DBFS
from rebounce.training.evaluation.groups import CLEAN
from rebounce.training.evaluation.markdown import READING, summary_line
from rebounce.training.evaluation.run import Evaluation
from rebounce.training.evaluation.systems import RESULT
from rebounce.training.evaluation.tables import (
    Shown,
    Table,
    across_table,
    harm_table,
    section_table,
    token_row_name,
    token_tables,
)
from rebounce.training.evaluation.wording import score_lines
from rebounce.training.evaluation.worth import worth_table

FOLDER = Path(__file__).parent
SIGNS = {
    1: ("good", "\N{BLACK UP-POINTING TRIANGLE}", "surely better"),
    -1: ("bad", "\N{BLACK DOWN-POINTING TRIANGLE}", "surely worse"),
}


def index_html(evaluation: Evaluation, pages: Mapping[str, str]) -> str:
    """The page of tables; `pages` are those to listen to, by group."""
    results = {system.name for system in evaluation.systems if system.kind == RESULT}
    parts = []
    if evaluation.problems:
        parts.append(_words("What went wrong", [(sentence, "") for sentence in evaluation.problems]))
    if evaluation.harms:
        parts.append(_section(harm_table(evaluation), results, pages.get(CLEAN)))
    across = across_table(evaluation)
    if across.rows:
        parts.append(_section(across, results, None))
    worth = worth_table(evaluation)
    if worth.rows:
        parts.append(_section(worth, set(), None))
    for section in evaluation.sections:
        table = section_table(section, evaluation.plan.bench.scores)
        parts.append(_section(table, results, pages.get(section.group.name)))
    rows = [(section, row) for section in evaluation.sections for row in section.tokens]
    token_results = {token_row_name(section, row) for section, row in rows if row.system in results}
    parts += [_section(table, token_results, None) for table in token_tables(evaluation)]
    parts.append(_words("What the rows are", [(system.name, system.about) for system in evaluation.systems]))
    parts.append(_words("What the columns are", score_lines(evaluation.plan.bench.scores)))
    tracks = _list([(str(track.path), f"SHA-256 {track.sha256}") for track in evaluation.plan.tracks])
    parts.append(f'<section class="file words"><details><summary>Tracks</summary>{tracks}</details></section>')
    return filled(
        title="Evaluation",
        summary=summary_line(evaluation),
        index=f'<p class="index reading">{escape(READING)}</p>',
        files="\n".join(parts),
        footer=f"<p>rebounce {__version__}. All numbers, down to each item: evaluation.json and scores.csv.</p>",
        has_player=False,
    )


def filled(*, title: str, summary: str, index: str, files: str, footer: str, has_player: bool) -> str:
    """The engine's report page with other parts; title and summary are escaped here."""
    engine = resources("rebounce.engine")
    style = engine.joinpath("report.css").read_text("utf-8") + (FOLDER / "evaluation.css").read_text("utf-8")
    parts = {
        "title": escape(title),
        "summary": escape(summary),
        "index": index,
        "files": files,
        "footer": footer,
        "style": style,
        "script": engine.joinpath("player.js").read_text("utf-8") if has_player else "",
    }
    template = engine.joinpath("report.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def spectrogram_scale() -> str:
    """How the pictures are to be read."""
    stops = colour_map()[:: len(colour_map()) // 12, :3]
    gradient = ", ".join(f"rgb({red} {green} {blue})" for red, green, blue in stops)
    quiet, loud = wording.level(QUIETEST_DBFS, "dBFS"), wording.level(LOUDEST_DBFS, "dBFS")
    return (
        f'<p class="scale"><span>{quiet}</span><i style="background:linear-gradient(90deg, {gradient})"></i>'
        f"<span>{loud}</span></p><p>All spectrograms have this colour scale.</p>"
    )


def _section(table: Table, results: set[str], page: str | None) -> str:
    about = f"{table.about[:1].upper()}{table.about[1:]}".rstrip(".") + "."
    link = f'<p><a href="{escape(page)}">Listen, and see the spectrograms</a></p>' if page else ""
    notes = _list([(note, "") for note in table.notes]) if table.notes else ""
    head = f'<header><h2>{escape(table.title)}</h2>{link}<p class="meta">{escape(about)}</p></header>'
    return f'<section class="file table">{head}{_table(table, results)}{notes}</section>'


def _table(table: Table, results: set[str]) -> str:
    head = "".join(f'<th scope="col" class="number">{escape(title)}</th>' for title in table.head)
    rows = "".join(
        f'<tr class="{"result" if name in results else "bound"}"><th scope="row">{escape(name)}</th>'
        f"{''.join(map(_cell, cells))}</tr>"
        for name, cells in table.rows
    )
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(table.title)}"><table><thead><tr>'
        f'<th scope="col"></th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _cell(cell: Shown) -> str:
    lines = [cell.value]
    if cell.interval:
        lines.append(f"<small>{cell.interval}</small>")
    if cell.gain:
        kind, sign, words = SIGNS.get(cell.verdict, ("even", "", ""))
        spoken = f'<span class="unseen">, {words}</span>' if words else ""
        title = f' title="{cell.gain_interval}"' if cell.gain_interval else ""
        lines.append(f'<small class="gain {kind}"{title}>{sign} {cell.gain}{spoken}</small>')
    return f'<td class="number">{"".join(lines)}</td>'


def _words(title: str, lines: Sequence[tuple[str, str]]) -> str:
    return f'<section class="file words"><h2>{escape(title)}</h2>{_list(lines)}</section>'


def _list(lines: Sequence[tuple[str, str]]) -> str:
    items = (
        f"<li>{f'<b>{escape(name)}</b>: {escape(about)}' if about else escape(name)}</li>" for name, about in lines
    )
    return f"<ul>{''.join(items)}</ul>"

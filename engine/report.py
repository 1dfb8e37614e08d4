"""The report page: before and after of every file, to be looked at and listened to, in one HTML file.

What always holds: the page loads nothing from anywhere (its own security policy forbids it), says nothing that is not
in the records, and shows both sides of a file on the same scales and plays them at the same loudness.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from rebounce.engine import wording
from rebounce.engine.colours import colour_map
from rebounce.engine.excerpt import Excerpt, cut_excerpt
from rebounce.engine.overview import Overview
from rebounce.engine.pictures import LOUDEST_DBFS, QUIETEST_DBFS
from rebounce.engine.report_section import STATUS_WORDS, file_name, file_section, listening_html, pictures_html
from rebounce.engine.staging import Staged, output_errors

MOST_SOUND_BYTES = 12_000_000
"""What the sound of all files may take in a page, shared evenly."""

TITLE = "Before and after"
FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEntry:
    """One file: its record as plain data, and what is there to see and to hear.

    Without the overviews there are no pictures, without the paths (or where nothing was changed) no players.
    """

    record: dict[str, Any]
    before: Overview | None = None
    after: Overview | None = None
    before_audio: Path | None = None
    after_audio: Path | None = None

    @property
    def is_heard(self) -> bool:
        """True when there are two different versions to compare."""
        has_sound = self.before_audio is not None and self.after_audio is not None
        return (
            has_sound
            and self.before is not None
            and self.before.frames > 0
            and self.record["status"] in ("restored", "skipped")
        )


def write_report(
    path: Path, entries: Sequence[ReportEntry], *, title: str = TITLE, most_sound_bytes: float = MOST_SOUND_BYTES
) -> None:
    """Write the page for the entries, in their order; it appears whole or not at all."""
    page = report_html(entries, title=title, most_sound_bytes=most_sound_bytes)
    with Staged(path, replaces=True) as staged:
        with output_errors(path):
            staged.file.write(page.encode("utf-8", errors="replace"))  # a name may hold bytes that are no text
        staged.publish()


def report_html(
    entries: Sequence[ReportEntry], *, title: str = TITLE, most_sound_bytes: float = MOST_SOUND_BYTES
) -> str:
    """The page as text."""
    share = most_sound_bytes / max(1, sum(entry.is_heard for entry in entries))
    return _filled(
        "report.html",
        {
            "title": escape(title),
            "summary": escape(_summary(entries)),
            "index": _index(entries) if len(entries) > 1 else "",
            "files": "\n".join(_section(number, entry, share) for number, entry in enumerate(entries, start=1)),
            "footer": _footer(),
            "style": (FOLDER / "report.css").read_text(encoding="utf-8"),
            "script": (FOLDER / "player.js").read_text(encoding="utf-8"),
        },
    )


def _filled(template: str, parts: dict[str, str]) -> str:
    """The template with its `{{names}}` replaced, in one pass: what is filled in is never looked at again."""
    text = (FOLDER / template).read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], text)


def _section(number: int, entry: ReportEntry, share_bytes: float) -> str:
    excerpt = _excerpt(entry, share_bytes)
    listening = ""
    if excerpt is not None and entry.before is not None:
        listening = listening_html(excerpt, entry.before.duration_s)
    elif entry.is_heard:
        listening = (
            '<p class="about-sound">No excerpt of this file fits into the page: listen to the two files themselves.</p>'
        )
    after = entry.before if entry.record["status"] == "unchanged" else entry.after
    return file_section(number, entry.record, pictures_html(entry.before, after, excerpt), listening)


def _excerpt(entry: ReportEntry, share_bytes: float) -> Excerpt | None:
    if not entry.is_heard or entry.before is None or entry.before_audio is None or entry.after_audio is None:
        return None
    return cut_excerpt(entry.before_audio, entry.after_audio, entry.before, share_bytes)


def _summary(entries: Sequence[ReportEntry]) -> str:
    """How many files ended how: `12 files: 10 restored, 1 unchanged, 1 failed`."""
    total = len(entries)
    if total == 1:
        return f"{file_name(entries[0].record)}, {_result(entries[0]).lower()}"
    ends = []
    for status, words in STATUS_WORDS.items():
        number = sum(entry.record["status"] == status for entry in entries)
        if number:
            ends.append(f"{number} {words.split(':')[0].lower()}")
    return f"{total} files{': ' if ends else ''}{', '.join(ends)}"


def _result(entry: ReportEntry) -> str:
    """How the file ended, in a word."""
    status = str(entry.record["status"])
    return STATUS_WORDS.get(status, status).split(":")[0]


def _index(entries: Sequence[ReportEntry]) -> str:
    """A table of all files with links to their parts."""
    rows = [
        f'<tr><td><a href="#file-{number}">{escape(file_name(entry.record))}</a></td>'
        f"<td>{escape(_result(entry))}</td>"
        f'<td class="number">{wording.level(entry.record.get("lufs_in"), "LUFS")}</td>'
        f'<td class="number">{wording.level(entry.record.get("lufs_out"), "LUFS")}</td>'
        f'<td class="number">{wording.level(entry.record.get("true_peak_out_dbtp"), "dBTP")}</td></tr>'
        for number, entry in enumerate(entries, start=1)
    ]
    titles = ("Loudness before", "Loudness after", "True peak after")
    head = "".join(f'<th scope="col" class="number">{title}</th>' for title in titles)
    return (
        '<nav class="index scroll" aria-label="Files"><table><thead><tr><th scope="col">File</th>'
        f'<th scope="col">Result</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></nav>'
    )


def _footer() -> str:
    """How the pictures are to be read."""
    stops = colour_map()[:: len(colour_map()) // 12, :3]
    gradient = ", ".join(f"rgb({red} {green} {blue})" for red, green, blue in np.asarray(stops))
    quiet, loud = wording.level(QUIETEST_DBFS, "dBFS"), wording.level(LOUDEST_DBFS, "dBFS")
    return (
        f'<p class="scale"><span>{quiet}</span><i style="background:linear-gradient(90deg, {gradient})"></i>'
        f"<span>{loud}</span></p>"
        "<p>All spectrograms have this colour scale and show the strongest frequency of each row; the rows are spaced "
        "evenly at the bottom and by octaves at the top. Waveforms show the extremes (light) and the power (dark) of "
        "each channel, and red where a sample reaches full scale.</p>"
    )

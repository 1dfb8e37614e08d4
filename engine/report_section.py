"""One file's part of the report page: facts, findings, players and pictures, as HTML.

Everything that comes from outside (names, messages, findings) is escaped; pictures and sound are data addresses.
"""

from collections.abc import Mapping
from html import escape
from pathlib import PurePath
from typing import Any

from rebounce.engine import wording
from rebounce.engine.excerpt import Excerpt, data_address
from rebounce.engine.finding_words import finding_sentence
from rebounce.engine.overview import HIGHEST_HZ, Overview
from rebounce.engine.pictures import (
    Tick,
    frequency_ticks,
    spectrogram_picture,
    time_label,
    time_ticks,
    waveform_picture,
)

STATUS_WORDS: Mapping[str, str] = {
    "restored": "Restored",
    "unchanged": "Unchanged: the output is a byte-for-byte copy of the input",
    "skipped": "Skipped: the output was there already",
    "error": "Failed",
}

NO_ANALYSIS = "No analysis of faults ran; the chain was applied as it is written."
NOTHING_FOUND = "The analysis ran and found nothing wrong."
SIDES = ("Before", "After")
BOTH = "Before and after"

Record = Mapping[str, Any]


def file_section(number: int, record: Record, pictures: str, listening: str) -> str:
    """The whole part of one file, reached as `#file-NUMBER`."""
    status = escape(str(record["status"]))
    parts = [
        f'<article class="file" id="file-{number}" aria-labelledby="name-{number}">',
        "<header>",
        f'<h2 id="name-{number}">{escape(file_name(record))}</h2>',
        f'<p class="status {status}">{escape(STATUS_WORDS.get(str(record["status"]), status))}</p>',
        f'<p class="meta">{escape(_meta(record))}</p>',
        "</header>",
    ]
    if record.get("error"):
        parts.append(f'<p class="failure">{escape(str(record["error"]))}</p>')
    if record["status"] != "error":
        parts.append(f'<div class="notes">{_facts(record)}{_words(record)}</div>')
    return "\n".join([*parts, listening, pictures, "</article>"])


def file_name(record: Record) -> str:
    """The input's name without its folders."""
    return PurePath(str(record["input"])).name


def pictures_html(before: Overview | None, after: Overview | None, excerpt: Excerpt | None) -> str:
    """Waveform and spectrogram of both sides, on one frequency scale; a single picture if both are the same."""
    sides = [(BOTH, before)] if before is after else list(zip(SIDES, (before, after), strict=True))
    known = [(title, side) for title, side in sides if side is not None]
    if not known:
        return ""
    top_hz = min(HIGHEST_HZ, max(side.sample_rate_hz for _, side in known) / 2)
    figures = [_figure(title, side, top_hz, excerpt) for title, side in known]
    return f'<div class="pair">{"".join(figures)}</div>'


def listening_html(excerpt: Excerpt, duration_s: float) -> str:
    """The two players in step, and two ordinary ones for a browser without scripts."""
    fallback = "".join(
        f"<p>{title}<audio controls preload='none' src='{side.address}' aria-label='{title}'"
        f" data-matched='{side.matched_gain:.6f}' data-plain='{side.plain_gain:.6f}'></audio></p>"
        for title, side in zip(SIDES, (excerpt.before, excerpt.after), strict=True)
    )
    return f"""<section class="listen" aria-label="Listen" data-start="{excerpt.start_s:.4f}" \
data-length="{excerpt.length_s:.4f}" data-duration="{duration_s:.4f}">
<div class="player">
<button type="button" class="play">Play</button>
<div class="sides" role="group" aria-label="Version that is heard">
<button type="button" aria-pressed="true">Before</button><button type="button" aria-pressed="false">After</button>
</div>
<div class="seek"><input type="range" min="0" max="{excerpt.length_s:.3f}" step="0.01" value="0" aria-label="Position">\
<output aria-live="off"></output></div>
<label class="check"><input type="checkbox" name="matched" checked>Matched loudness</label>
<label class="check"><input type="checkbox" name="loop">Loop</label>
</div>
<div class="plain-audio">{fallback}</div>
<p class="about-sound">{escape(_about_sound(excerpt, duration_s))} \
<span class="keys"><kbd>Space</kbd> plays, <kbd>X</kbd> switches, <kbd>←</kbd> <kbd>→</kbd> move.</span> \
<span class="trouble" role="alert"></span></p>
</section>"""


def _meta(record: Record) -> str:
    """The line below the name."""
    parts = []
    if record.get("frames") is not None and record.get("sample_rate_hz"):
        parts.append(_length(record["frames"] / record["sample_rate_hz"]))
    parts += [wording.format_words(record), f"preset {record['preset']}"]
    if record.get("model"):
        parts.append(f"model {record['model']}")
    parts.append(f"on {record['device']}")
    if record.get("seconds") is not None and record.get("realtime_factor") is not None:
        parts.append(f"took {record['seconds']:.1f} s, {wording.times_as_fast(record['realtime_factor'])}")
    return ", ".join(part for part in parts if part)


def _length(duration_s: float) -> str:
    return time_label(duration_s, 1.0 if duration_s >= 10 else 0.01)


def _facts(record: Record) -> str:
    """The table of what was measured before and after."""
    lufs = record.get("lufs_in"), record.get("lufs_out")
    peaks = record.get("true_peak_in_dbtp"), record.get("true_peak_out_dbtp")
    rows = [
        _row("Integrated loudness, LUFS", wording.level(lufs[0]), wording.level(lufs[1]), wording.change(*lufs)),
        _row("True peak, dBTP", wording.level(peaks[0]), wording.level(peaks[1]), wording.change(*peaks)),
        _row("Level set by the chain, dB", "", "", wording.moved(record.get("level_change_db"))),
        _row("Clipped samples", "", wording.count(record.get("clipped_samples")), ""),
    ]
    head = "".join(f'<th scope="col" class="number">{title}</th>' for title in (*SIDES, "Change"))
    return (
        f'<div class="scroll"><table><thead><tr><th scope="col">Measured</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(title: str, *cells: str) -> str:
    values = "".join(f'<td class="number">{escape(cell)}</td>' for cell in cells)
    return f'<tr><th scope="row">{escape(title)}</th>{values}</tr>'


def _words(record: Record) -> str:
    """What was found and what else there is to say."""
    findings = record.get("findings")
    if findings is None:
        found = f"<p>{NO_ANALYSIS}</p>"
    elif not findings:
        found = f"<p>{NOTHING_FOUND}</p>"
    else:
        found = _list([finding_sentence(finding) for finding in findings])
    messages = list(record.get("messages") or ())
    said = f"<div><h3>Done</h3>{_list([str(message) for message in messages])}</div>" if messages else ""
    return f'<div class="words"><div><h3>Findings</h3>{found}</div>{said}</div>'


def _list(lines: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _about_sound(excerpt: Excerpt, duration_s: float) -> str:
    """What is heard: which stretch, encoded how, and what the matching does."""
    end_s = excerpt.start_s + excerpt.length_s
    is_whole = excerpt.length_s >= duration_s - 0.05
    stretch = (
        "The whole file" if is_whole else f"The loudest part, {time_label(excerpt.start_s)} to {time_label(end_s)}"
    )
    return f"{stretch}, as {excerpt.codec}. {_about_loudness(excerpt)}"


def _about_loudness(excerpt: Excerpt) -> str:
    before, after = excerpt.before.lufs, excerpt.after.lufs
    if before is None or after is None:
        return "Too quiet or too short for a loudness, so it plays unmatched."
    if abs(before - after) < 0.05:
        return f"Both sides are at {wording.level(before, 'LUFS')} here."
    louder = SIDES[1] if after > before else SIDES[0]
    return (
        f"Here it measures {wording.level(before, 'LUFS')} before and {wording.level(after, 'LUFS')} after; matched, "
        f"{louder} is turned down by {abs(after - before):.1f} dB."
    )


def _figure(title: str, overview: Overview, top_hz: float, excerpt: Excerpt | None) -> str:
    seekable = " can-seek" if excerpt is not None else ""
    heard = _heard(overview, excerpt) + '<span class="cursor"></span>' if excerpt is not None else ""
    mono = " mono" if overview.channels == 1 else ""
    alt = f"{title}, {time_label(overview.duration_s)}"
    levels = [(0.5, "0")] if overview.channels == 1 else [(0.75, "L"), (0.25, "R")] if overview.channels == 2 else []
    wave = _image(waveform_picture(overview), f"Waveform {alt}")
    spectrum = _image(spectrogram_picture(overview, top_hz), f"Spectrogram {alt}")
    return (
        f"<figure><figcaption>{title}</figcaption>"
        f'<div class="plot wave{mono}{seekable}">{wave}{_level_axis(levels)}{heard}</div>'
        f'<div class="plot spectrum{seekable}">{spectrum}{_level_axis(frequency_ticks(top_hz))}'
        f"{_time_axis(time_ticks(overview.duration_s))}{heard}</div></figure>"
    )


def _image(png: bytes, alt: str) -> str:
    return f'<img src="{data_address("image/png", png)}" alt="{escape(alt)}" decoding="async">'


def _heard(overview: Overview, excerpt: Excerpt) -> str:
    """The stretch that the players hold, marked where it is not the whole."""
    if not overview.duration_s or excerpt.length_s >= overview.duration_s - 0.05:
        return ""
    left, width = excerpt.start_s / overview.duration_s, excerpt.length_s / overview.duration_s
    return f'<span class="heard" style="left:{left:.3%};width:{width:.3%}"></span>'


def _level_axis(ticks: list[Tick]) -> str:
    return "".join(
        f'<span class="tick level" style="bottom:{place:.2%}"></span>'
        f'<span class="axis level" style="bottom:{place:.2%}" aria-hidden="true">{escape(label)}</span>'
        for place, label in ticks
    )


def _time_axis(ticks: list[Tick]) -> str:
    parts = []
    for place, label in ticks:
        edge = " first" if place < 0.02 else " last" if place > 0.97 else ""
        parts.append(
            f'<span class="tick time" style="left:{place:.3%}"></span>'
            f'<span class="axis time{edge}" style="left:{place:.3%}" aria-hidden="true">{escape(label)}</span>'
        )
    return "".join(parts)

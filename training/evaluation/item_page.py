"""One kept item on a page: players in step, a spectrogram of every version, and its scores, as HTML.

Everything that comes from outside (names, messages) is escaped; pictures and sound are data addresses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from rebounce.engine import wording
from rebounce.engine.excerpt import data_address
from rebounce.engine.overview import HIGHEST_HZ
from rebounce.engine.pictures import Tick, frequency_ticks, time_label, time_ticks
from rebounce.training.damage import Damage
from rebounce.training.evaluation.kept import Kept
from rebounce.training.evaluation.listening import Heard
from rebounce.training.evaluation.wording import column_title, score_text

NOT_HEARD = "No excerpt of this item fits into the page: listen to the files themselves."


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What is shown of an item, by version: pictures, files, and the names of those that gave the very same bits."""

    kept: Kept
    pictures: Mapping[str, bytes]
    listening: Heard | None
    files: Mapping[str, str]
    twins: Mapping[str, tuple[str, ...]]


def item_article(number: int, shown: Showing) -> str:
    """The part of one item, reached as `#item-NUMBER`."""
    kept, listening, item = shown.kept, shown.listening, shown.kept.measured
    names = list(shown.pictures)
    meta = f"{item.seconds:g} s from {time_label(item.start_s)} on, seed {item.seed}; {_damage_words(item.damage)}"
    sound = _listening(listening, names, item.seconds) if listening else f'<p class="about-sound">{NOT_HEARD}</p>'
    return "\n".join(
        [
            f'<article class="file" id="item-{number}" aria-labelledby="name-{number}">',
            f'<header><h2 id="name-{number}">{escape(item.track.path.name)}</h2>'
            f'<p class="status place">{escape(kept.place)}</p><p class="meta">{escape(meta)}</p></header>',
            _scores(kept),
            sound,
            f'<div class="pair">{"".join(_figure(name, shown.pictures[name], kept) for name in names)}</div>',
            f'<p class="meta files">{_twins(shown.twins)}{_links(shown.files)}</p>',
            "</article>",
        ]
    )


def _damage_words(damage: Damage) -> str:
    """What was done to it: the faults with what was drawn."""
    told = [f"{applied.fault} ({_parameter_words(applied.parameters)})" for applied in damage]
    return "; ".join(told) or "nothing was done to it"


def _parameter_words(value: Any) -> str:
    """Parameters as a person reads them: numbers short, no quotes and braces."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_parameter_words(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(_parameter_words(part) for part in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _scores(kept: Kept) -> str:
    outcomes = kept.measured.outcomes
    scores = kept.trial.bench.scores
    head = "".join(f'<th scope="col" class="number">{escape(column_title(score))}</th>' for score in scores)
    rows = [
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f'<td class="number">{score_text(score, outcomes[name].scores.get(score))}</td>' for score in scores)
        + "</tr>"
        for name in outcomes
        if outcomes[name].is_there
    ]
    return (
        '<div class="scroll" role="region" tabindex="0" aria-label="Scores of this item"><table><thead><tr>'
        f'<th scope="col">Version</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _listening(listening: Heard, names: Sequence[str], duration_s: float) -> str:
    """The players in step, and ordinary ones for a browser without scripts."""
    buttons = "".join(
        f'<button type="button" aria-pressed="{"true" if number == 0 else "false"}">{escape(name)}</button>'
        for number, name in enumerate(names)
    )
    plain = "".join(
        f"<p>{escape(name)}<audio controls preload='none' src='{side.address}' aria-label='{escape(name)}'"
        f" data-matched='{side.matched_gain:.6f}' data-plain='{side.plain_gain:.6f}'></audio></p>"
        for name, side in zip(names, listening.sides, strict=True)
    )
    return f"""<section class="listen" aria-label="Listen" data-start="{listening.start_s:.4f}" \
data-length="{listening.length_s:.4f}" data-duration="{duration_s:.4f}">
<div class="player">
<button type="button" class="play">Play</button>
<div class="sides" role="group" aria-label="Version that is heard">{buttons}</div>
<div class="seek"><input type="range" min="0" max="{listening.length_s:.3f}" step="0.01" value="0" \
aria-label="Position"><output aria-live="off"></output></div>
<label class="check"><input type="checkbox" name="matched" checked>Matched loudness</label>
<label class="check"><input type="checkbox" name="loop">Loop</label>
</div>
<div class="plain-audio">{plain}</div>
<p class="about-sound">{escape(_about_sound(listening, names))} \
<span class="keys"><kbd>Space</kbd> plays, <kbd>X</kbd> switches, <kbd>←</kbd> <kbd>→</kbd> move.</span> \
<span class="trouble" role="alert"></span></p>
</section>"""


def _about_sound(listening: Heard, names: Sequence[str]) -> str:
    levels = [f"{name} {wording.level(side.lufs)}" for name, side in zip(names, listening.sides, strict=True)]
    told = "Loudness in LUFS before matching"
    return f"{listening.length_s:.0f} s as {listening.codec}. {told}: {', '.join(levels)}."


def _figure(name: str, picture: bytes, kept: Kept) -> str:
    item = kept.measured
    alt = f"Spectrogram of {name}, {item.track.path.name}, {item.seconds:g} s"
    top_hz = min(HIGHEST_HZ, item.track.sample_rate_hz / 2)
    return (
        f'<figure><figcaption>{escape(name)}</figcaption><div class="plot spectrum can-seek">'
        f'<img src="{data_address("image/png", picture)}" alt="{escape(alt)}" decoding="async">'
        f'{_level_axis(frequency_ticks(top_hz))}{_time_axis(time_ticks(item.seconds))}<span class="cursor"></span>'
        "</div></figure>"
    )


def _level_axis(ticks: Sequence[Tick]) -> str:
    return "".join(
        f'<span class="tick level" style="bottom:{place:.2%}"></span>'
        f'<span class="axis level" style="bottom:{place:.2%}" aria-hidden="true">{escape(label)}</span>'
        for place, label in ticks
    )


def _time_axis(ticks: Sequence[Tick]) -> str:
    return "".join(
        f'<span class="tick time" style="left:{place:.3%}"></span><span class="axis time'
        f'{" first" if place < 0.02 else " last" if place > 0.97 else ""}" style="left:{place:.3%}" '
        f'aria-hidden="true">{escape(label)}</span>'
        for place, label in ticks
    )


def _twins(twins: Mapping[str, tuple[str, ...]]) -> str:
    """Who gave the very same bits as a version that is shown."""
    return "".join(
        f"{escape(' and '.join(names))} gave the same as {escape(name)}, bit by bit. " for name, names in twins.items()
    )


def _links(files: Mapping[str, str]) -> str:
    links = ", ".join(f'<a href="{escape(path)}">{escape(name)}</a>' for name, path in files.items())
    return f"Files: {links}"

"""What the page shows, as plain data: numbers in words, names as they can be shown, nothing that is markup.

What always holds: it all comes from the ledger and from the records in it.
"""

import time
from collections.abc import Iterable
from pathlib import PurePath, PurePosixPath
from typing import Any

from rebounce.engine import wording
from rebounce.engine.finding_words import finding_sentence
from rebounce.watchers.bounce import Bounce, State
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.status import MOST_LISTED, Watched, eta_s, waits
from rebounce.watchers.web.shelf import shown

View = dict[str, Any]

NO_ANALYSIS = "No analysis of faults ran; the chain was applied as it is written."
NOTHING_FOUND = "The analysis ran and found nothing wrong."
MOVING = ("progress", "eta_s")
"""What changes all the time while a bounce runs, and is told apart from the rest."""


def folder_view(key: str, watched: Watched, ledger: Ledger, now_s: float | None = None) -> View:
    """One folder: its counts, what is to be done, and what was done last with the failures that still stand.

    Of what is `finished` the first, `latest` in number, come one after the other; the failures after them are older.
    """
    now_s = time.time() if now_s is None else now_s
    counts = ledger.counts()
    latest, failed = ledger.latest(MOST_LISTED), list[Bounce]()
    if sum(bounce.state is State.FAILED for bounce in latest) < counts.get(State.FAILED, 0):
        listed = {bounce.id for bounce in latest}
        failed = [bounce for bounce in ledger.failed(MOST_LISTED) if bounce.id not in listed]
    return _folder(key, watched) | {
        "counts": {state.value: counts.get(state, 0) for state in State},
        "queue": [_waiting(bounce, watched, now_s) for bounce in ledger.unfinished(MOST_LISTED)],
        "finished": finished_views([*latest, *failed], watched),
        "latest": len(latest),
        "waits": _begun(shown(waits(ledger) or "")),
        "problem": None,
    }


def lost_view(key: str, watched: Watched, problem: str) -> View:
    """A folder that cannot be looked at now."""
    empty: View = {"counts": {state.value: 0 for state in State}, "queue": [], "finished": [], "latest": 0, "waits": ""}
    return _folder(key, watched) | empty | {"problem": problem}


def detail_view(key: str, watched: Watched, bounce: Bounce) -> View:
    """All there is to say of one bounce."""
    record = bounce.record or {}
    return _row(bounce, watched) | {
        "folder": key,
        "about": about(record),
        "error": _error(bounce),
        "measured": measured(record) if record and bounce.state is not State.FAILED else [],
        "findings": findings(record) if record and bounce.state is not State.FAILED else [],
        "messages": [shown(str(message)) for message in record.get("messages") or ()],
        "gains": matched_gains(record.get("lufs_in"), record.get("lufs_out")),
        "matching": matching(record.get("lufs_in"), record.get("lufs_out")),
    }


def _folder(key: str, watched: Watched) -> View:
    return {
        "key": key,
        "name": shown(watched.name),
        "path": shown(str(watched.layout.root)),
        "errors": shown(watched.layout.errors),
        "restored": shown(watched.layout.restored),
        "preset": preset_words(watched.preset),
    }


def _row(bounce: Bounce, watched: Watched) -> View:
    path = PurePosixPath(shown(bounce.path))
    return {
        "id": bounce.id,
        "name": path.name,
        "place": "" if str(path.parent) == "." else str(path.parent),
        "state": bounce.state.value,
        "preset": preset_words(bounce.preset or watched.preset),
    }


def _waiting(bounce: Bounce, watched: Watched, now_s: float) -> View:
    is_running = bounce.state is State.RUNNING
    return _row(bounce, watched) | {
        "reason": _begun(shown(bounce.reason or "")),
        "tries": bounce.tries,
        "progress": bounce.progress if is_running else None,
        "eta_s": eta_s(bounce, now_s),
    }


def finished_views(bounces: Iterable[Bounce], watched: Watched) -> list[View]:
    """The rows of finished bounces."""
    return [_finished(bounce, watched) for bounce in bounces]


def _finished(bounce: Bounce, watched: Watched) -> View:
    record = bounce.record or {}
    return _row(bounce, watched) | {
        "finished_at": bounce.finished_at,
        "result": None if bounce.result is None else PurePosixPath(shown(bounce.result)).name,
        "summary": _error(bounce) if bounce.state is State.FAILED else _summary(record),
    }


def _summary(record: View) -> str:
    """One line on a result: its loudness, and how much was found."""
    before, after = record.get("lufs_in"), record.get("lufs_out")
    parts = []
    if before is not None and after is not None:
        is_moved = wording.level(before) != wording.level(after)
        arrow = f"{wording.level(before)} \N{RIGHTWARDS ARROW} " if is_moved else ""
        parts.append(f"{arrow}{wording.level(after, 'LUFS')}")
    found = len(record.get("findings") or ())
    if found:
        parts.append("1 finding" if found == 1 else f"{found} findings")
    return ", ".join(parts)


def _error(bounce: Bounce) -> str:
    """Why it failed, without the path that such a sentence begins with: it stands above."""
    if bounce.state is not State.FAILED:
        return ""
    record = bounce.record or {}
    text = shown(str(record.get("error") or bounce.reason or "It failed, and nothing more is known."))
    return _begun(text.removeprefix(f"{shown(str(record.get('input')))}: "))


def _begun(sentence: str) -> str:
    """A sentence that follows on a name, as one that stands alone."""
    return sentence[:1].upper() + sentence[1:] + ("" if sentence.endswith((".", "!", "?")) or not sentence else ".")


def about(record: View) -> str:
    """Length and format, the model and the device that worked, and how long that took."""
    parts = []
    if record.get("frames") is not None and record.get("sample_rate_hz"):
        parts.append(clock(record["frames"] / record["sample_rate_hz"]))
    parts.append(wording.format_words(record))
    if record.get("model"):
        parts.append(f"model {record['model']}")
    if record.get("seconds") is not None and record.get("realtime_factor") is not None:
        parts.append(f"on {record.get('device')}")
        parts.append(f"took {record['seconds']:.1f} s, {wording.times_as_fast(record['realtime_factor'])}")
    return shown(", ".join(part for part in parts if part))


def measured(record: View) -> list[list[str]]:
    """The table of what was measured: title, before, after, change."""
    lufs = record.get("lufs_in"), record.get("lufs_out")
    peaks = record.get("true_peak_in_dbtp"), record.get("true_peak_out_dbtp")
    return [
        ["Integrated loudness, LUFS", wording.level(lufs[0]), wording.level(lufs[1]), wording.change(*lufs)],
        ["True peak, dBTP", wording.level(peaks[0]), wording.level(peaks[1]), wording.change(*peaks)],
        ["Level set by the chain, dB", "", "", wording.moved(record.get("level_change_db"))],
        ["Clipped samples", "", wording.count(record.get("clipped_samples")), ""],
    ]


def findings(record: View) -> list[str]:
    """What was found, in plain words; one sentence where there is nothing to list."""
    found = record.get("findings")
    if not found:
        return [NO_ANALYSIS if found is None else NOTHING_FOUND]
    return [shown(finding_sentence(finding)) for finding in found]


def matched_gains(before: float | None, after: float | None) -> View:
    """What each side is played at, so that both are equally loud: the louder one is turned down."""
    if before is None or after is None:
        return {"before": 1.0, "after": 1.0}
    target = min(before, after)
    return {"before": 10 ** ((target - before) / 20), "after": 10 ** ((target - after) / 20)}


def matching(before: float | None, after: float | None) -> str:
    """What the matching does, in words."""
    if before is None or after is None:
        return "Too quiet or too short for a loudness, so it plays unmatched."
    if abs(before - after) < 0.05:
        return f"Both sides are at {wording.level(before, 'LUFS')}."
    louder = "After" if after > before else "Before"
    return f"Matched, {louder} is turned down by {abs(after - before):.1f} dB."


def preset_words(preset: str) -> str:
    """The name of a preset; a chain file goes by the name of the file."""
    return shown(PurePath(preset).stem if preset.endswith(".toml") else preset)


def preset_choices(known: Iterable[str], own: str) -> list[list[str]]:
    """Each preset as it is asked for, and as it is called: those that are known, and that of the folder itself.

    Chain files of one name go by that of their folder too.
    """
    presets = list(dict.fromkeys([*known, own]))
    labels = [preset_words(preset) for preset in presets]
    return [
        [preset, label if labels.count(label) == 1 or not preset.endswith(".toml") else _with_folder(preset, label)]
        for preset, label in zip(presets, labels, strict=True)
    ]


def _with_folder(preset: str, label: str) -> str:
    return f"{label} ({shown(PurePath(preset).parent.name)})"


def clock(duration_s: float) -> str:
    """A length as a clock shows it; short ones to the hundredth of a second."""
    if duration_s < 10:
        return f"{duration_s:.2f} s"
    whole = round(duration_s)
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"

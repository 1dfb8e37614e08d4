"""The figures of inspect, auto and the repairs, and the table of docs/inspect.md.

    python -m benchmarks.repair_table MUSIC [PART ...] [matchering=PYTHON]    measure all parts, or these
    python -m benchmarks.repair_table                                         write the tables anew from what is kept

PYTHON is that of an environment with matchering in it, to have that measured beside ours.

The music is not part of the project; what it gave is, in benchmarks/results/repairs.json, each part with the conditions
that it was measured under.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import conditions
from rebounce.training.scores.confidence import lowest_rate

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "benchmarks" / "results" / "repairs.json"
DOCS = ROOT / "docs" / "inspect.md"
CONFIDENCES = ROOT / "benchmarks" / "results" / "calibration.json"
CONFIDENCE_MARKS = (
    "<!-- the confidences, written by benchmarks.repair_table -->",
    "<!-- the end of the confidences -->",
)
RIVAL = "matchering="
SLOWEST_CLIPPING = 0.3
MARKS = ("<!-- the table, written by benchmarks.repair_table -->", "<!-- the end of the table -->")

PARTS = {
    "clean": ("benchmarks.repair_auto", "clean_rows"),
    "three": ("benchmarks.repair_auto", "three_faults_rows"),
    "echo": ("benchmarks.repair_echo", "rows"),
    "clipping": ("benchmarks.repair_clipping", "rows"),
    "level": ("benchmarks.repair_level", "rows"),
    "dynamics": ("benchmarks.repair_dynamics", "rows"),
    "reverb": ("benchmarks.repair_reverb", "rows"),
    "tone": ("benchmarks.repair_tone", "rows"),
    "loudness": ("benchmarks.repair_loudness", "rows"),
    "simple": ("benchmarks.repair_simple", "rows"),
    "speed": ("benchmarks.repair_speed", "rows"),
    "memory": ("benchmarks.repair_memory", "rows"),
}

Rows = Sequence[Mapping[str, Any]]
Line = tuple[str, str, str, bool | None]
"""What, what came out, what was to be reached, and whether it was; None where nothing was."""


def main(arguments: Sequence[str]) -> None:
    if arguments:
        rivals = [word.removeprefix(RIVAL) for word in arguments if word.startswith(RIVAL)]
        for part in [word for word in arguments[1:] if not word.startswith(RIVAL)] or list(PARTS):
            module, name = PARTS[part]
            given = [Path(arguments[0]), *map(Path, rivals if part == "loudness" else [])]
            found = getattr(import_module(module), name)(*given)
            # Read only now: another part may have been measured meanwhile.
            kept = _kept() | {part: {"conditions": conditions(), "rows": found}}
            RESULT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
            print(f"{part}: {len(found)} rows", flush=True)
    _write_table(_kept())


def _kept() -> dict[str, Any]:
    return dict(json.loads(RESULT.read_text(encoding="utf-8"))) if RESULT.exists() else {}


def _write_table(kept: Mapping[str, Any]) -> None:
    lines = [line for part, make in LINES.items() if part in kept for line in make(kept[part]["rows"])]
    text = _between(
        DOCS.read_text(encoding="utf-8"),
        MARKS,
        ["| what | measured | to be reached |", "|---|---|---|", *map(_shown, lines)],
    )
    DOCS.write_text(_between(text, CONFIDENCE_MARKS, _confidences()), encoding="utf-8")


def _between(text: str, marks: tuple[str, str], lines: Sequence[str]) -> str:
    """The text with these lines between the marks."""
    before, _, rest = text.partition(marks[0])
    return "\n".join([f"{before}{marks[0]}", *lines, f"{marks[1]}{rest.partition(marks[1])[2]}"])


def _confidences() -> list[str]:
    """All findings together, and each fault by itself."""
    kept = json.loads(CONFIDENCES.read_text(encoding="utf-8"))
    groups = {"all": kept["all"], **kept["each"]}
    rows = [
        f"| {name} | {one['findings']} | {one['stated']:.0%} | {one['observed']:.0%} |"
        for name, bins in groups.items()
        for one in bins
    ]
    return ["| finding | findings | stated | right |", "|---|---|---|---|", *rows]


def _shown(line: Line) -> str:
    what, measured, target, is_reached = line
    verdict = {True: "", False: ", **missed**", None: ""}[is_reached]
    return f"| {what} | {measured} | {target}{verdict} |"


def _clean(rows: Rows) -> list[Line]:
    lines: list[Line] = []
    for row in [*rows, _both(rows)]:
        same, count = row["pieces"] - len(row["altered"]), row["pieces"]
        bound = lowest_rate(same, count)
        changes = [altered["change_db"] for altered in row["altered"]]
        worst = f"; largest change {max(changes):.0f} dB" if changes else ""
        lines.append(
            (
                f"clean music returned bit for bit, pieces of 20 s, {row['half']}",
                f"{same} of {count} (at least {bound:.1%}){worst}",
                "95 % at the lower bound, none above -40 dB",
                bound >= 0.95 and max(changes, default=-100.0) <= -40,
            )
        )
    return [*lines, *_named(rows)]


def _named(rows: Rows) -> list[Line]:
    """What clean music was repaired for, which is a false alarm, and what it is told to have, which is none."""
    count = sum(row["pieces"] for row in rows)
    named: Counter[str] = Counter()
    repaired: Counter[str] = Counter()
    for row in rows:
        named.update(row["named"])
        repaired.update(fault for altered in row["altered"] for fault in altered["repaired"])
    told = ", ".join(f"{fault} {found / count:.0%}" for fault, found in named.most_common())
    wrong = ", ".join(f"{fault} {found}" for fault, found in repaired.most_common()) or "none by any detector"
    return [
        ("clean music, what was repaired in it", wrong, "", None),
        ("clean music, what is named and left (cut edges are those of the pieces)", told, "", None),
    ]


def _both(rows: Rows) -> Mapping[str, Any]:
    altered = [altered for row in rows for altered in row["altered"]]
    return {"half": "both halves", "pieces": sum(row["pieces"] for row in rows), "altered": altered}


def _three(rows: Rows) -> list[Line]:
    gains = np.array([row["after"] - row["before"] for row in rows])
    share = float(np.mean(gains > 0.1))
    measured = (
        f"{share:.0%} of {gains.size} items gain more than 0.1 dB; {_interval(gains)}, worst {gains.min():+.1f} dB, "
        f"{np.mean(gains < -0.1):.0%} lose more than 0.1 dB"
    )
    return [("three faults at once, SI-SDR", measured, "90 %", share >= 0.9)]


def _echo(rows: Rows) -> list[Line]:
    row = rows[0]
    measured = (
        f"{row['before_db']:.1f} to {row['after_db']:.1f} ± {row['after_95_db']:.1f} dB, n {row['n']}, "
        f"{row['spared']} spared as musical, {row['missed']} missed, worst gain {row['worst_gain_db']:+.1f} dB"
    )
    return [("echo, SI-SDR", measured, "26 dB", row["after_db"] >= 26)]


def _clipping(rows: Rows) -> list[Line]:
    lines = []
    for kind, target in (("hard", 8.0), ("soft", None)):
        for bits in (32, 16):
            found = [row for row in rows if row["kind"] == kind and row["bits"] == bits]
            gains = np.array([row["after"] - row["before"] for row in found])
            depth = "float" if bits == 32 else "16 bit"
            lines.append(
                (
                    f"{kind} clipping, {depth}, SI-SDR",
                    f"{_interval(gains)}, n {gains.size}, worst {gains.min():+.1f} dB",
                    "" if target is None else f"+{target:g} dB",
                    None if target is None else bool(gains.mean() >= target),
                )
            )
    return [*lines, _clipping_speed([row for row in rows if row["kind"] == "hard" and row["times_real_time"]])]


def _clipping_speed(rows: Rows) -> Line:
    """Of all that was found, and of the slowest: what takes the time is the frames that hold clipped samples."""
    slowest = min(rows, key=lambda row: float(row["times_real_time"]))
    speed, share = (float(np.median([row[name] for row in rows])) for name in ("times_real_time", "solved_share"))
    return (
        "RestoreClipping on these, with the share of frames solved",
        f"{speed:.2g}x real time with {share:.0%} solved (medians), "
        f"the slowest {slowest['times_real_time']:.2g}x with {slowest['solved_share']:.0%}",
        f"{SLOWEST_CLIPPING:g}x",
        bool(slowest["times_real_time"] >= SLOWEST_CLIPPING),
    )


def _level(rows: Rows) -> list[Line]:
    before, blind, told = (np.array([row[name] for row in rows]) for name in ("before_db", "after_db", "after_told_db"))
    altered = sum(row["is_clean_altered"] for row in rows)
    return [
        (
            "level jumps, envelope error",
            f"{before.mean():.2f} to {blind.mean():.2f} ± {_half_width(blind):.2f} dB, n {before.size}, "
            f"worst loss {(blind - before).max():.2f} dB, {altered} clean pieces altered",
            "2.0 dB",
            bool(blind.mean() <= 2.0),
        ),
        ("the same, told that there are jumps", f"{told.mean():.2f} ± {_half_width(told):.2f} dB", "", None),
    ]


def _dynamics(rows: Rows) -> list[Line]:
    known, proposed = rows[0], next(row for row in rows if row["what"] == "proposed by the detector")
    return [
        ("compression whose settings are known, SI-SDR", f"{known['gain_db']:+.1f} dB, n {known['n']}", "", None),
        (
            f"compression that is sure to be one ({proposed['share']:.0%} of it), SI-SDR",
            f"{proposed['gain_db']:+.2f} ± {proposed['interval_db']:.2f} dB, n {proposed['n']}, "
            f"worst {proposed['worst_db']:+.2f} dB",
            "+3 dB, none worse",
            proposed["gain_db"] >= 3 and proposed["worst_db"] >= 0,
        ),
    ]


def _reverb(rows: Rows) -> list[Line]:
    of = {row["what"]: row for row in rows}
    row = of["reverb, SI-SDR, strength 1"]
    is_reached = row["gain_db"] >= 1.5 and row["worst_db"] >= -0.3
    parts = [(kind, of[f"reverb, SI-SDR, strength 1, {kind}"]) for kind in ("plates", "other rooms")]
    return [
        ("reverb, SI-SDR", _gain(row), "+1.5 dB, none worse than -0.3 dB", is_reached),
        *((f"the same, {kind}", _gain(part), "", None) for kind, part in parts),
    ]


def _gain(row: Mapping[str, Any]) -> str:
    return f"{row['gain_db']:+.2f} ± {row['gain_95_db']:.2f} dB, n {row['items']}, worst {row['worst_db']:+.2f} dB"


def _tone(rows: Rows) -> list[Line]:
    lines: list[Line] = []
    for row, target in zip(rows[:2], (0.15, 0.10), strict=True):
        measured = (
            f"{row['before_db']:.2f} to {row['left_db']:.2f} ± {row['left_95_db']:.2f} dB "
            f"(median {row['left_median_db']:.2f}), n {row['items']}"
        )
        lines.append((str(row["what"]), measured, f"{target:.2f} dB", row["left_db"] <= target))
    return lines


def _loudness(rows: Rows) -> list[Line]:
    limiters, towards = rows[0]["limiters"], rows[1]
    ours = limiters["ours"] if "ours" in limiters else next(iter(limiters.values()))
    others = {name: one for name, one in limiters.items() if one is not ours}
    told = "; ".join(
        f"{name} {one['si_sdr_db']:.1f} dB, {one['most_over_db']:+.2f} dB over" for name, one in others.items()
    )
    is_best = all(ours["si_sdr_db"] > one["si_sdr_db"] for one in others.values())
    return [
        (
            "limiting to -9 LUFS under -1 dBTP, SI-SDR to the input",
            f"{ours['si_sdr_db']:.1f} dB, {ours['most_over_db']:+.2f} dB over at most ({told})",
            "ceiling held, less distortion than these",
            is_best and ours["most_over_db"] <= 0,
        ),
        (
            "gain against a loudness target",
            f"off by {towards['largest_error_lu']:.2f} LU at most in {towards['reached']} results that say so",
            "0.1 LU",
            towards["largest_error_lu"] <= 0.1,
        ),
    ]


def _simple(rows: Rows) -> list[Line]:
    lines: list[Line] = []
    for row in rows:
        if "gain_db" in row:
            measured = (
                f"found {row['found']} of {row['n']}, {row['gain_db']:+.2f} dB SI-SDR, worst {row['worst_db']:+.2f} dB"
            )
            lines.append((str(row["what"]), measured, "", None))
    return lines


def _speed(rows: Rows) -> list[Line]:
    return [
        (
            str(row["what"]),
            f"{row['realtime_factor']:.3g}x real time",
            f"{row['target']:g}x",
            row["realtime_factor"] >= row["target"],
        )
        for row in rows
    ]


def _memory(rows: Rows) -> list[Line]:
    return [
        (
            f"memory for 60 minutes less that for 1 minute: {row['what']}",
            f"{row['more_mib']:.0f} MiB",
            f"{row['target']} MiB",
            row["more_mib"] <= row["target"],
        )
        for row in rows
    ]


def _interval(gains: Any) -> str:
    return f"{gains.mean():+.2f} ± {_half_width(gains):.2f} dB"


def _half_width(values: Any) -> float:
    """Of the 95 % interval of a mean."""
    return float(1.96 * values.std(ddof=1) / np.sqrt(values.size))


LINES: Mapping[str, Callable[[Rows], list[Line]]] = {
    "clean": _clean,
    "echo": _echo,
    "clipping": _clipping,
    "reverb": _reverb,
    "dynamics": _dynamics,
    "tone": _tone,
    "level": _level,
    "loudness": _loudness,
    "three": _three,
    "simple": _simple,
    "speed": _speed,
    "memory": _memory,
}


if __name__ == "__main__":
    main(sys.argv[1:])

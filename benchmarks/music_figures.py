"""The figures of the music maker: how near it comes to real music, and how fast it is.

    python -m benchmarks.music_figures FOLDER "what the collection is"    measure real music
    python -m benchmarks.music_figures                                    write the table in docs/music.md anew

The recordings are not part of the project; what they measure is (benchmarks/results/real_music.json), and the made
mixes are held against that.
"""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.measure import Figure, spread, times_s
from rebounce.training.music import STYLES, make_mix
from rebounce.training.music.statistics import QUANTITIES, Statistics, measure

RATE_HZ = 44_100
SEEDS = 50
MIX_S = 24.0
PERCENTILES = (5, 25, 50, 75, 95)
TITLES = {
    "crest_factor_db": "crest factor, dB",
    "loudness_range_lu": "loudness range, LU",
    "stereo_correlation": "stereo correlation",
    "spectral_slope_db_per_octave": "spectral slope, dB/octave",
    "bandwidth_hz": "95 % bandwidth, Hz",
    "side_over_mid_db": "side over mid, dB",
    "mid_side_correlation": "mid/side correlation",
}
ASKED = tuple(TITLES)[:5]
"""The five that must hold; the other two are other readings of the third, told beside it."""

ROOT = Path(__file__).parent.parent
REAL = ROOT / "benchmarks" / "results" / "real_music.json"
MADE = ROOT / "benchmarks" / "results" / "music.json"
DOCS = ROOT / "docs" / "music.md"
MARKS = ("<!-- the table, written by benchmarks.music_figures -->", "<!-- the end of the table -->")
SUFFIXES = (".flac", ".ogg", ".mp3", ".wav")


def inside_the_range() -> Figure:
    """Every one of the five numbers of each of 50 mixes between the 5th and 95th percentile of real music."""
    real = json.loads(REAL.read_text(encoding="utf-8"))["quantities"]
    made = [measure(make_mix(seed, MIX_S, RATE_HZ).audio, RATE_HZ) for seed in range(SEEDS)]
    inside = {name: [_is_inside(one, name, real) for one in made] for name in QUANTITIES}
    value = sum(all(inside[name][seed] for name in ASKED) for seed in range(SEEDS))
    return Figure(
        name=f"mixes of {SEEDS} within 5-95 % of real music in all of five numbers",
        ours=f"make_mix(seed, {MIX_S:g} s), seeds 0-{SEEDS - 1}, the style chosen by the seed",
        rival=json.loads(REAL.read_text(encoding="utf-8"))["collection"],
        value=value,
        unit="mixes",
        target=f"{SEEDS}",
        is_reached=value == SEEDS,
        detail={
            "inside": {name: sum(inside[name]) for name in QUANTITIES},
            "quantities": percentiles([asdict(one) for one in made]),
        },
    )


def speed() -> Figure:
    """How much music a second of one process makes; the slowest style counts."""
    factors = {
        style: MIX_S / statistics.median(times_s(partial(make_mix, 1, MIX_S, RATE_HZ, style), repeats=5))
        for style in sorted(STYLES)
    }
    value = min(factors.values())
    return Figure(
        name="making music, the slowest style",
        ours=f"make_mix(1, {MIX_S:g} s) at 44.1 kHz, one process",
        rival="real time",
        value=value,
        unit="x",
        target="at least 20x",
        is_reached=value >= 20,
        detail={"by_style": factors, "factors": spread(list(factors.values()))},
    )


FIGURES = (inside_the_range, speed)


def percentiles(rows: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """The percentiles of each quantity, as `p5` to `p95`."""
    found = {}
    for name in QUANTITIES:
        values = np.percentile([row[name] for row in rows], PERCENTILES)
        found[name] = {f"p{share}": round(float(value), 3) for share, value in zip(PERCENTILES, values, strict=True)}
    return found


def measure_real(folder: Path, collection: str) -> dict[str, Any]:
    """The table of a folder of music: `MIX_S` from the middle of each track, a shorter one whole."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        sys.exit(f"{folder}: expected music ({', '.join(SUFFIXES)}), found none")
    rows = [_measured(path) for path in paths]
    return {
        "collection": f"{collection}, {len(paths)} tracks",
        "excerpt": f"{MIX_S:g} s from the middle of each track, a shorter one whole",
        "quantities": percentiles(rows),
    }


def _measured(path: Path) -> dict[str, Any]:
    info = soundfile.info(path)
    frames = min(info.frames, round(MIX_S * info.samplerate))
    audio = soundfile.read(path, frames, (info.frames - frames) // 2, dtype="float32", always_2d=True)[0].T
    return asdict(measure(audio, info.samplerate))


def _is_inside(one: Statistics, name: str, real: Mapping[str, Mapping[str, float]]) -> bool:
    value = getattr(one, name)
    return value is not None and real[name]["p5"] <= value <= real[name]["p95"]


def docs_table() -> str:
    """The kept percentiles of real and made music, as a table of Markdown."""
    real = json.loads(REAL.read_text(encoding="utf-8"))
    made = json.loads(MADE.read_text(encoding="utf-8"))["figures"][0]["detail"]
    columns = [f"{whose} {share} %" for whose in ("real", "made") for share in PERCENTILES]
    rows = [f"| | {' | '.join(columns)} | of {SEEDS} inside |", "|" + "---|" * (len(columns) + 2)]
    for name, title in TITLES.items():
        values = [
            table[name][f"p{share}"] for table in (real["quantities"], made["quantities"]) for share in PERCENTILES
        ]
        cells = " | ".join(f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}" for value in values)
        rows.append(f"| {title} | {cells} | {made['inside'][name]} |")
    return "\n".join([*rows, "", f"Real: {real['collection']}; {real['excerpt']}."])


def write_docs_table() -> None:
    """Put the table into its place in docs/music.md."""
    before, rest = DOCS.read_text(encoding="utf-8").split(MARKS[0])
    _, after = rest.split(MARKS[1])
    DOCS.write_text(f"{before}{MARKS[0]}\n\n{docs_table()}\n\n{MARKS[1]}{after}", encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    if not arguments:
        write_docs_table()
    elif len(arguments) == 2:
        table = measure_real(Path(arguments[0]), arguments[1])
        REAL.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Loudness: limiting to -9 LUFS under -1 dBTP against pedalboard and matchering, and gain against a loudness target.

    python -m benchmarks.repair_loudness MUSIC [PYTHON WITH MATCHERING]

All limiters get the same piece and reach the same loudness, that of ours; what is compared is by how much the true peak
is above the ceiling, and the distortion: SI-SDR of the output against the piece before it was limited. The limiters of
the others hold sample peaks; so each is measured twice, with its threshold at the ceiling, and with the threshold
lowered by what it was over, which is what it takes to hold the ceiling with it.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pedalboard

from benchmarks.repair_items import JUDGING, Piece, pieces
from rebounce.engine.audio import Audio
from rebounce.engine.finish import PROFILES, Finish
from rebounce.engine.loudness import LoudnessMeter
from rebounce.engine.true_peak import TruePeakMeter
from rebounce.training.scores.si_sdr import si_sdr_db

PIECE_S = 15.0
PIECES_PER_TRACK = 1
LUFS, CEILING_DBTP = -9.0, -1.0
MOST_LIMITING_DB = 24.0
# Where the limiter is to take less than this off the peaks, there is nothing to compare.
LEAST_LIMITING_DB = 1.0
GAIN_STEPS = 5
RELEASE_MS = 100.0

Limiter = Callable[[Audio, float, float], Audio]
"""Of audio, its rate and a threshold in dBFS."""

MATCHERING = """
import sys
import numpy as np
from matchering import Config
from matchering.limiter import limit
folder = sys.argv[1]
for line in sys.stdin:
    rate_hz, threshold_db = line.split()
    config = Config(internal_sample_rate=int(rate_hz), threshold=10 ** (float(threshold_db) / 20))
    np.save(folder + "/out.npy", limit(np.load(folder + "/in.npy"), config))
    print("made", flush=True)
"""


def limiting_rows(folder: Path, matchering_python: Path | None = None) -> list[dict[str, Any]]:
    """One row for each piece and limiter: true peak over the ceiling, loudness, and SI-SDR to the input."""
    if matchering_python is None:
        return _compared(folder, {"pedalboard": _pedalboard})
    with tempfile.TemporaryDirectory() as scratch:
        matchering = _Matchering(matchering_python, Path(scratch))
        found = _compared(folder, {"pedalboard": _pedalboard, "matchering": matchering})
        matchering.end()
    return found


def _compared(folder: Path, limiters: Mapping[str, Limiter]) -> list[dict[str, Any]]:
    found = []
    for piece, ours in _limited(folder):
        lufs = _lufs(ours, piece.sample_rate_hz)
        found.append(_row(piece, "rebounce", ours))
        for name, limiter in limiters.items():
            made = _to_loudness(piece, limiter, lufs, CEILING_DBTP)
            found.append(_row(piece, name, made))
            over_db = max(_dbtp(made) - CEILING_DBTP, 0)
            found.append(_row(piece, f"{name}, lower", _to_loudness(piece, limiter, lufs, CEILING_DBTP - over_db)))
    return found


def target_rows(folder: Path) -> list[dict[str, Any]]:
    """One row for each piece and profile: how far the result is from its loudness, and whether it says it is there."""
    found = []
    for piece in pieces(folder, JUDGING, PIECE_S, PIECES_PER_TRACK):
        for name, profile in PROFILES.items():
            plugin = Finish(profile=name)
            made = plugin(piece.audio, piece.sample_rate_hz)
            if plugin.analysis is None or plugin.analysis.lufs is None:
                continue
            error_lu = _lufs(made, piece.sample_rate_hz) - profile.lufs
            row = {"track": piece.track, "piece": piece.number, "profile": name, "error_lu": error_lu}
            found.append(row | {"is_reached": plugin.analysis.reached, "over_db": _dbtp(made) - profile.ceiling_dbtp})
    return found


def rows(folder: Path, matchering_python: Path | None = None) -> list[dict[str, Any]]:
    """The two figures: means and worst cases over all pieces."""
    limited = limiting_rows(folder, matchering_python)
    names = list(dict.fromkeys(row["limiter"] for row in limited))
    by_limiter = {name: _summary([row for row in limited if row["limiter"] == name]) for name in names}
    towards = target_rows(folder)
    reached = [abs(row["error_lu"]) for row in towards if row["is_reached"]]
    return [
        {"what": "limiting to -9 LUFS under -1 dBTP", "limiters": by_limiter},
        {
            "what": "gain against a loudness target",
            "results": len(towards),
            "reached": len(reached),
            "largest_error_lu": max(reached),
            "most_over_ceiling_db": max(row["over_db"] for row in towards),
        },
    ]


def _limited(folder: Path) -> Iterator[tuple[Piece, Audio]]:
    """The pieces that need a limiter to be as loud, and what ours makes of them."""
    for piece in pieces(folder, JUDGING, PIECE_S, PIECES_PER_TRACK):
        plugin = Finish(level_db=LUFS, ceiling_dbtp=CEILING_DBTP, limiter_budget_db=MOST_LIMITING_DB)
        made = plugin(piece.audio, piece.sample_rate_hz)
        if plugin.analysis is not None and plugin.analysis.limiting_db >= LEAST_LIMITING_DB:
            yield piece, made


def _to_loudness(piece: Piece, limiter: Limiter, lufs: float, threshold_db: float) -> Audio:
    """Behind the limiter, with the gain before it that makes it as loud: by the secant method."""
    rate_hz = piece.sample_rate_hz
    gain_db = lufs - _lufs(piece.audio, rate_hz)
    for _ in range(GAIN_STEPS):
        made = limiter(piece.audio * np.float32(10 ** (gain_db / 20)), rate_hz, threshold_db)
        short_db = lufs - _lufs(made, rate_hz)
        if abs(short_db) < 0.03:
            break
        gain_db += 1.3 * short_db
    return made


def _pedalboard(audio: Audio, rate_hz: float, threshold_db: float) -> Audio:
    made: Audio = pedalboard.Limiter(threshold_db=threshold_db, release_ms=RELEASE_MS)(audio, rate_hz)
    return made


class _Matchering:
    """Its limiter alone, kept running by its own Python."""

    def __init__(self, python: Path, folder: Path) -> None:
        self._folder = folder
        command = [str(python), "-c", MATCHERING, str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, audio: Audio, rate_hz: float, threshold_db: float) -> Audio:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        np.save(self._folder / "in.npy", audio.T.astype(np.float64))
        self._process.stdin.write(f"{round(rate_hz)} {threshold_db}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "made\n", "matchering failed; its words are above"
        made: Audio = np.load(self._folder / "out.npy").T.astype(np.float32)
        return made

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _row(piece: Piece, limiter: str, made: Audio) -> dict[str, Any]:
    return {
        "track": piece.track,
        "piece": piece.number,
        "limiter": limiter,
        "lufs": _lufs(made, piece.sample_rate_hz),
        "over_db": _dbtp(made) - CEILING_DBTP,
        "si_sdr_db": si_sdr_db(piece.audio, made),
    }


def _summary(found: list[dict[str, Any]]) -> dict[str, float]:
    over_db = [row["over_db"] for row in found]
    return {
        "pieces": len(found),
        "lufs": float(np.mean([row["lufs"] for row in found])),
        "mean_over_db": float(np.mean(over_db)),
        "most_over_db": max(over_db),
        "si_sdr_db": float(np.mean([row["si_sdr_db"] for row in found])),
    }


def _lufs(audio: Audio, rate_hz: float) -> float:
    meter = LoudnessMeter(rate_hz, audio.shape[0])
    meter.add(audio)
    lufs = meter.integrated_lufs()
    return -70.0 if lufs is None else lufs


def _dbtp(audio: Audio) -> float:
    meter = TruePeakMeter(audio.shape[0])
    meter.add(audio)
    dbtp = meter.dbtp()
    return -np.inf if dbtp is None else dbtp


if __name__ == "__main__":
    for row in rows(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None):  # optional
        print(row)

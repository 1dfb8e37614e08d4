"""What CorrectTone leaves of a wrong tone, with another excerpt of the same track as its reference.

    python -m benchmarks.repair_tone MUSIC

Two neighbouring stretches of 20 s of each track: one is bent, by a tilt of 0.5 to 2 dB an octave or by the `eq` of the
recipe `realistic` (up to four filters of up to 12 dB), the other is the reference. The tone error is the root mean
square of the difference of their long-term spectra over the thirds of an octave from 25 Hz to 16 kHz in which both hold
something, the mean difference taken away; spectra from Hann frames of 1.5 s with three quarters overlap, every sample
counting alike, which is not how the plugin looks. Both are faded in and out: the click of an excerpt that is cut in
full sound is as loud as the top of a dark track, and belongs to neither. Beside it the error to the clean original,
which is never less than what the two stretches differ by; and what moves without a reference do to faulty and to clean
pieces.
"""

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby, pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import signal

from benchmarks.repair_items import JUDGING, Piece, faulty, pieces
from rebounce.engine.audio import Audio
from rebounce.engine.inspection.finding import diagnosed
from rebounce.engine.inspection.tone import ToneDetector
from rebounce.engine.repair.correct_tone import CorrectTone

Floats = NDArray[np.float64]

SECONDS = 20.0
FADE_S = 0.5
FRAME = 65_536
THIRDS_HZ = 1_000 * 10 ** (np.arange(-16, 13) / 10)
EMPTY_DB = -100.0
TILTS_DB = (0.5, 2.0)
CONTROLS_PER_TRACK = 6


def rows(folder: Path) -> list[dict[str, Any]]:
    """One row a figure, on the half that no threshold was set on."""
    pairs = list(_pairs(folder))
    rng = np.random.default_rng(1)
    tilted = [_tilted(first, rng.uniform(*TILTS_DB) * rng.choice([-1, 1])) for first, _ in pairs]
    bumped = [faulty(first, "eq").damaged for first, _ in pairs]
    return [_matched("tilt", pairs, tilted), _matched("eq", pairs, bumped), *_blind(folder)]


def _pairs(folder: Path) -> Iterator[tuple[Piece, Piece]]:
    for _, group in groupby(pieces(folder, JUDGING, SECONDS), key=lambda piece: piece.track):
        neighbours = list(pairwise(group))
        if neighbours:
            first, second = neighbours[(len(neighbours) - 1) // 2]
            yield _faded(first), _faded(second)


def _faded(piece: Piece) -> Piece:
    frames = round(FADE_S * piece.sample_rate_hz)
    rise = np.sin(np.linspace(0, np.pi / 2, frames, dtype=np.float32)) ** 2
    audio = piece.audio.copy()
    audio[:, :frames] *= rise
    audio[:, -frames:] *= rise[::-1]
    return replace(piece, audio=audio)


def _matched(fault: str, pairs: list[tuple[Piece, Piece]], damaged: list[Audio]) -> dict[str, Any]:
    errors = [_errors(*pair, bent) for pair, bent in zip(pairs, damaged, strict=True)]
    names = ("before_db", "left_db", "to_original_before_db", "to_original_left_db", "excerpts_differ_by_db")
    columns = dict(zip(names, zip(*errors, strict=True), strict=True))
    means = {name: round(float(np.mean(column)), 3) for name, column in columns.items()}
    left = columns["left_db"]
    return {
        "what": f"tone error with a reference, after {fault}",
        "items": len(pairs),
        **means,
        "left_95_db": round(1.96 * float(np.std(left, ddof=1)) / math.sqrt(len(left)), 3),
        "left_median_db": round(median(left), 3),
        "left_worst_db": round(max(left), 3),
    }


def _errors(piece: Piece, other: Piece, bent: Audio) -> tuple[float, ...]:
    rate_hz = piece.sample_rate_hz
    with TemporaryDirectory() as folder:
        reference = Path(folder) / "reference.wav"
        soundfile.write(reference, other.audio.T, other.sample_rate_hz, subtype="FLOAT")
        made = CorrectTone(reference=reference)(bent, rate_hz)
    return (
        tone_error_db(bent, other.audio, rate_hz),
        tone_error_db(made, other.audio, rate_hz),
        tone_error_db(bent, piece.audio, rate_hz),
        tone_error_db(made, piece.audio, rate_hz),
        tone_error_db(piece.audio, other.audio, rate_hz),
    )


def _blind(folder: Path) -> list[dict[str, Any]]:
    """Without a reference: faulty pieces against their originals, and what is done to clean ones."""
    before, left, moved, outside = [], [], [], []
    for piece in pieces(folder, JUDGING, SECONDS, CONTROLS_PER_TRACK):
        rate_hz, bent = piece.sample_rate_hz, faulty(piece, "eq").damaged
        before.append(tone_error_db(bent, piece.audio, rate_hz))
        left.append(tone_error_db(CorrectTone()(bent, rate_hz), piece.audio, rate_hz))
        moved.append(tone_error_db(CorrectTone()(piece.audio, rate_hz), piece.audio, rate_hz))
        outside.append([_is_outside(audio, rate_hz) for audio in (bent, piece.audio)])
    gains = np.array(before) - left
    blind = {
        "what": "tone error without a reference, after eq",
        "items": len(left),
        "before_db": round(float(np.mean(before)), 3),
        "left_db": round(float(np.mean(left)), 3),
        "better_share": round(float(np.mean(gains > 0)), 3),
        "worse_share": round(float(np.mean(gains < 0)), 3),
        "clean_moved_by_db": round(float(np.mean(moved)), 3),
        "clean_moved_share": round(float(np.mean(np.array(moved) > 0)), 3),
    }
    shares = np.mean(outside, axis=0)
    found = {
        "what": "outside the spread of released music",
        "items": len(outside),
        "faulty_share": round(float(shares[0]), 3),
        "clean_share": round(float(shares[1]), 3),
    }
    return [blind, found]


def _is_outside(audio: Audio, rate_hz: int) -> bool:
    return bool(diagnosed(ToneDetector(rate_hz, len(audio)), [audio]).findings)


def tone_error_db(audio: Audio, wanted: Audio, rate_hz: int) -> float:
    """Root mean square over thirds of an octave, levels matched."""
    (levels_db, held), (wanted_db, wanted_held) = _thirds(audio, rate_hz), _thirds(wanted, rate_hz)
    off_db = (levels_db - wanted_db)[held & wanted_held]
    return float(np.std(off_db)) if off_db.size else 0.0


def _thirds(audio: Audio, rate_hz: int) -> tuple[Floats, NDArray[np.bool_]]:
    """The density of each third in dB, all channels together, and whether it holds anything."""
    padded = np.pad(audio.astype(np.float64), ((0, 0), (FRAME, FRAME)))
    bins_hz, powers = signal.welch(padded, rate_hz, nperseg=FRAME, noverlap=FRAME * 3 // 4, detrend=False)
    edges, sums = (np.arange(bins_hz.size + 1) - 0.5) * bins_hz[1], np.r_[0, np.cumsum(powers.sum(axis=0))]
    low, high = THIRDS_HZ * 10**-0.05, THIRDS_HZ * 10**0.05
    densities = (np.interp(high, edges, sums) - np.interp(low, edges, sums)) / (high - low)
    is_held = (densities > sums[-1] * bins_hz[1] * 10 ** (EMPTY_DB / 10)) & (high < rate_hz / 2)
    return 10 * np.log10(densities + 1e-30), is_held


def _tilted(piece: Piece, db_per_octave: float) -> Audio:
    """Straight in octaves from 20 Hz to 20 kHz, 0 dB at 1 kHz."""
    frames = piece.audio.shape[1]
    frequencies_hz = np.fft.rfftfreq(frames, 1 / piece.sample_rate_hz)
    gains = 10 ** (db_per_octave * np.log2(np.clip(frequencies_hz, 20, 20_000) / 1_000) / 20)
    tilted: Audio = np.fft.irfft(np.fft.rfft(piece.audio) * gains, frames).astype(np.float32)
    return tilted


if __name__ == "__main__":
    for row in rows(Path(sys.argv[1])):
        print(json.dumps(row))

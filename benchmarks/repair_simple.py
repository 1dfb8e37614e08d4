"""The figures of the simple repairs: hum, noise, what a coder took away, and faults of whole channels.

A fault that is not found gains nothing and counts in the mean over all. Faults of channels are done here: `mono` items
are the left channel twice, as only copies of each other can be balanced.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.repair_items import JUDGING, Piece, faulty, pieces
from rebounce.engine.audio import Audio
from rebounce.engine.inspection.channels import ChannelsDetector
from rebounce.engine.inspection.cutoff import CutoffDetector
from rebounce.engine.inspection.finding import Detector, diagnosed
from rebounce.engine.inspection.hum import HumDetector
from rebounce.engine.inspection.noise import NoiseDetector
from rebounce.training.scores.log_spectral_distance import log_spectral_distance_db
from rebounce.training.scores.si_sdr import si_sdr_db

SECONDS = 20.0
MOST_PER_TRACK = 2
LATE_S = 0.001

DETECTORS: dict[str, type[Detector]] = {
    "hum": HumDetector,
    "noise": NoiseDetector,
    "cutoff": CutoffDetector,
    "channels": ChannelsDetector,
}
COLOURS = ("white", "pink", "hiss")
BITRATES_KBPS = (64, 80, 96, 112, 128, 192)

Channels = Callable[[Audio], Audio]
STEREO: dict[str, Channels] = {
    "right inverted": lambda music: _with_gains(music, 1, -1),
    "offset of 2 %": lambda music: music + np.float32(0.02),
}
MONO: dict[str, Channels] = {
    "mono, right inverted": lambda music: _with_gains(music, 1, -1),
    "mono, right 3 dB softer": lambda music: _with_gains(music, 1, 10 ** (-3 / 20)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One faulty piece before and after; SI-SDR and log-spectral distance in dB, equal where nothing was proposed."""

    si_sdr_db: tuple[float, float]
    distance_db: tuple[float, float]
    is_found: bool
    is_found_again: bool

    @property
    def gain_db(self) -> float:
        return self.si_sdr_db[1] - self.si_sdr_db[0]

    @property
    def nearer_db(self) -> float:
        return self.distance_db[0] - self.distance_db[1]


def rows(folder: Path, half: str = JUDGING) -> list[dict[str, Any]]:
    """A row a fault, and one a detector for clean pieces."""
    chosen = [piece for piece in pieces(folder, half, SECONDS, MOST_PER_TRACK) if piece.audio.any()]
    return [*_noise_rows(chosen), *_coder_rows(chosen), *_channel_rows(chosen), *_clean_rows(folder, half)]


def _noise_rows(chosen: list[Piece]) -> Iterator[dict[str, Any]]:
    for kind in ("hum", *COLOURS):
        detector = "hum" if kind == "hum" else "noise"
        damaged = [faulty(piece, "noise", {"kind": [kind]}).damaged for piece in chosen]
        yield _row(kind, [_item(detector, *pair) for pair in zip(chosen, damaged, strict=True)])


def _coder_rows(chosen: list[Piece]) -> Iterator[dict[str, Any]]:
    for kbps in BITRATES_KBPS:
        damaged = [faulty(piece, "mp3", {"bitrate_kbps": [kbps]}, recipe="mp3").damaged for piece in chosen]
        yield _row(f"mp3, {kbps} kbps", [_item("cutoff", *pair) for pair in zip(chosen, damaged, strict=True)])


def _channel_rows(chosen: list[Piece]) -> Iterator[dict[str, Any]]:
    for name, done in STEREO.items():
        yield _row(name, [_item("channels", piece, done(piece.audio)) for piece in chosen])
    for name, done in MONO.items():
        items = []
        for piece in chosen:
            mono = np.repeat(piece.audio[:1], 2, axis=0)
            items.append(_item("channels", piece, done(mono), mono))
        yield _row(name, items)


def _clean_rows(folder: Path, half: str) -> list[dict[str, Any]]:
    counts = {name: [0, 0] for name in DETECTORS}
    total = 0
    for piece in pieces(folder, half, SECONDS):
        total += 1
        for name, kind in DETECTORS.items():
            diagnosis = diagnosed(kind(piece.sample_rate_hz, piece.audio.shape[0]), [piece.audio])
            counts[name][0] += bool(diagnosis.findings)
            counts[name][1] += diagnosis.repair is not None
    return [
        {"what": f"clean music, {name}", "n": total, "named": named, "altered": altered}
        for name, (named, altered) in counts.items()
    ]


def _item(detector: str, piece: Piece, damaged: Audio, clean: Audio | None = None) -> Item:
    rate_hz = piece.sample_rate_hz
    clean = piece.audio if clean is None else clean
    damaged = damaged.astype(np.float32)

    def diagnosis_of(audio: Audio) -> Any:
        return diagnosed(DETECTORS[detector](rate_hz, audio.shape[0]), [audio])

    repair = diagnosis_of(damaged).repair
    restored = damaged if repair is None else repair(damaged, rate_hz)
    ratios = [si_sdr_db(clean, audio) for audio in (damaged, restored)]
    distances = [log_spectral_distance_db(clean, audio, rate_hz) for audio in (damaged, restored)]
    return Item(
        si_sdr_db=(float(ratios[0] or 0), float(ratios[1] or 0)),
        distance_db=(float(distances[0] or 0), float(distances[1] or 0)),
        is_found=repair is not None,
        is_found_again=repair is not None and diagnosis_of(restored).repair is not None,
    )


def _row(name: str, items: list[Item]) -> dict[str, Any]:
    gains_db = np.asarray([item.gain_db for item in items])
    is_found = np.asarray([item.is_found for item in items])
    return {
        "what": name,
        "n": len(items),
        "found": int(is_found.sum()),
        "found_again_after": sum(item.is_found_again for item in items),
        "before_db": round(float(np.mean([item.si_sdr_db[0] for item in items])), 2),
        "gain_db": round(float(gains_db.mean()), 3),
        "gain_95_db": round(float(1.96 * gains_db.std(ddof=1) / np.sqrt(len(items))), 3) if len(items) > 1 else None,
        "gain_where_found_db": round(float(gains_db[is_found].mean()), 3) if is_found.any() else None,
        "worst_db": round(float(gains_db.min()), 3),
        "distance_less_by_db": round(float(np.mean([item.nearer_db for item in items])), 3),
        "distance_worst_db": round(float(min(item.nearer_db for item in items)), 3),
    }


def _with_gains(music: Audio, left: float, right: float) -> Audio:
    return music * np.asarray([[left], [right]], dtype=np.float32)

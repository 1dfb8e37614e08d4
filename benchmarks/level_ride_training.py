"""Makes `engine/inspection/level_ride.json`: the network that sees jumps of the level, and the weights of the evidence.

    python -m benchmarks.level_ride_training MUSIC/train engine/inspection/level_ride.json

Trained on the half `tuning` of the music and on mixes made here, as band levels: a gain on audio is an addition there,
so rides are put on as they are needed. The weights of the evidence are fitted on pieces whose tracks the networks that
judge them were not trained on. Half an hour on one core.
"""

import base64
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.repair_items import TUNING, tracks
from rebounce.engine.audio import Audio
from rebounce.engine.inspection.level_bands import BANDS, FLOOR_POWER, LevelBands, in_decibels
from rebounce.engine.inspection.level_evidence import measures
from rebounce.engine.inspection.level_network import (
    DILATIONS,
    INPUT_SCALE_DB,
    MEAN_REACH,
    MOST_INPUT,
    STEP_SCALE_DB,
    TAPS,
    Network,
    jumps_seen,
)
from rebounce.engine.inspection.level_repeats import find_repeats
from rebounce.engine.inspection.level_sections import fitted
from rebounce.training.music import make_mix

Floats = NDArray[np.float64]

RATE_HZ = 44_100
FRAMES_PER_SECOND = RATE_HZ / 2_048
MIXES, MIX_S, FIRST_SEED = 48, 30, 1_000
FOLDS = 3
STEPS, BATCH, FRAMES, CHANNELS, DROPPED = 2_500, 16, 280, 16, 0.15
EDGE = 20
GAINS_DB, TRANSITIONS_S = (-8.0, 8.0), (0.03, 0.3)
PIECE_FRAMES = 430
# Steps smaller than the first are no jumps, between the two is neither right nor wrong.
NO_JUMP_DB, JUMP_DB = 1.0, 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A track as powers of bands `(frames, bands)`; `fold` tells who may judge it."""

    powers: Floats
    fold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ride:
    """A gain for each frame in dB, and its jumps: the middle in frames, and the step in dB."""

    gains_db: Floats
    jumps: list[tuple[float, float]]


def main(folder: Path, target: Path) -> None:
    torch.set_num_threads(1)
    corpus = _corpus(folder)
    by_fold = [_trained([track for track in corpus if track.fold != fold], seed=fold) for fold in range(FOLDS)]
    weights, offset = _evidence(corpus, by_fold)
    final = _trained(corpus, seed=100)
    about = "Made by benchmarks/level_ride_training.py from the music below and from mixes made by rebounce itself."
    kept = {
        "about": about,
        "music": _card(folder),
        "evidence_weights": [round(float(weight), 4) for weight in weights],
        "evidence_offset": round(offset, 4),
        "layers": _layers(final),
    }
    target.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _corpus(folder: Path) -> list[Track]:
    made = ((np.asarray(make_mix(FIRST_SEED + number, MIX_S, RATE_HZ).audio), RATE_HZ) for number in range(MIXES))
    read = (_read(path) for path in tracks(folder, TUNING))
    audio = [*read, *made]
    return [Track(powers=_powers(*one), fold=number % FOLDS) for number, one in enumerate(audio)]


def _card(folder: Path) -> list[dict[str, str]]:
    """What is known of each track: `index.json` beside the folder tells title, artist, licence and source."""
    index = json.loads((folder.parent / "index.json").read_text(encoding="utf-8"))
    entries = index if isinstance(index, list) else [entry for group in index.values() for entry in group]
    known = {Path(entry["file"]).name: entry for entry in entries}
    keys = ("title", "artist", "licence", "source")
    return [{key: known[path.name].get(key, "not stated") for key in keys} for path in tracks(folder, TUNING)]


def _read(path: Path) -> tuple[Audio, int]:
    audio, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return np.ascontiguousarray(audio.T), rate_hz


def _powers(audio: Audio, rate_hz: int) -> Floats:
    bands = LevelBands(rate_hz)
    bands.see(audio)
    return np.asarray(10 ** (in_decibels(bands.levels()).astype(np.float64) / 10))


# What the networks are shown.


def _ride(frames: int, rng: np.random.Generator, kind: str) -> Ride:
    """Sections of 1.5 to 5 s, or of 2 to 30 s; kind `clean` is none."""
    fine = 8
    gains_db, jumps = np.zeros(frames * fine), []
    per_second = FRAMES_PER_SECOND * fine
    at_s, level_db = -rng.uniform(0, 5 if kind == "dense" else 15), rng.uniform(*GAINS_DB)
    gains_db += level_db if kind != "clean" else 0
    while kind != "clean":
        at_s += rng.uniform(1.5, 5) if kind == "dense" else np.exp(rng.uniform(np.log(2), np.log(30)))
        start, before_db, level_db = int(at_s * per_second), level_db, rng.uniform(*GAINS_DB)
        length = max(int(np.exp(rng.uniform(*np.log(TRANSITIONS_S))) * per_second), 1)
        if start >= gains_db.size:
            break
        share = np.clip((np.arange(gains_db.size) - start) / length, 0, 1)
        gains_db = np.where(share > 0, before_db + (level_db - before_db) * share, gains_db)
        middle = (start + length / 2) / fine
        if middle > 0:
            jumps.append((middle, level_db - before_db))
    power = (10 ** (gains_db / 10)).reshape(frames, fine).mean(axis=1)
    return Ride(gains_db=10 * np.log10(power), jumps=jumps)


def _item(corpus: Sequence[Track], rng: np.random.Generator) -> tuple[Floats, ...]:
    """Levels with a ride, and what to say of each frame: is a jump, counts, step, step counts."""
    powers = _stretch(corpus, rng)
    if rng.random() < 0.5:
        powers = powers + _guest(corpus, rng, powers)
    tilt_db = np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, 5), rng.uniform(-6, 6, 5)) + rng.uniform(-15, 5)
    ride = _ride(FRAMES, rng, rng.choice(["clean", "dense", "sparse"], p=[0.35, 0.4, 0.25]))
    levels = 10 * np.log10(powers * 10 ** ((tilt_db + ride.gains_db[:, None]) / 10) + FLOOR_POWER)
    is_jump, counts, step_db, step_counts = np.zeros(FRAMES), np.ones(FRAMES), np.zeros(FRAMES), np.zeros(FRAMES)
    for middle, height_db in ride.jumps:
        apart = np.abs(np.arange(FRAMES) + 0.5 - middle)
        if abs(height_db) > JUMP_DB:
            is_jump = np.maximum(is_jump, np.exp(-(apart**2) / 2))
        elif abs(height_db) > NO_JUMP_DB:
            counts[apart < 4] = 0
        step_db[apart < 2.5], step_counts[apart < 2.5] = height_db, 1
    return levels, is_jump, counts, step_db, step_counts


def _stretch(corpus: Sequence[Track], rng: np.random.Generator) -> Floats:
    """Somewhere in a track, a little faster or slower, and a little higher or lower."""
    lengths = np.sqrt([len(track.powers) for track in corpus])
    powers = corpus[rng.choice(len(corpus), p=lengths / lengths.sum())].powers
    speed = np.exp(rng.uniform(-0.2, 0.2)) if rng.random() < 0.5 else 1.0
    speed = min(speed, (len(powers) - 2) / FRAMES)
    start = rng.integers(0, len(powers) - int(FRAMES * speed) - 1)
    places = start + (np.arange(FRAMES) * speed).astype(int)
    bands = np.clip(np.arange(BANDS) - rng.integers(-2, 3), 0, BANDS - 1)
    return powers[places][:, bands]


def _guest(corpus: Sequence[Track], rng: np.random.Generator, host: Floats) -> Floats:
    """Something else that plays along, often only before or after some moment, as instruments do."""
    powers = _stretch(corpus, rng)
    plays = np.ones(FRAMES)
    if rng.random() < 0.6:
        plays[: rng.integers(0, FRAMES)] = 0
        plays = 1 - plays if rng.random() < 0.5 else plays
    level = 10 ** (rng.uniform(-12, 3) / 10) * host.sum() / max(powers.sum(), 1e-12)
    return np.asarray(powers * plays[:, None] * level)


# How they are trained.


class _Net(nn.Module):
    """What `level_network.Network` computes."""

    def __init__(self) -> None:
        super().__init__()
        widths = [BANDS, *[CHANNELS] * len(DILATIONS)]
        self.layers = nn.ModuleList(
            nn.Conv1d(before, CHANNELS, TAPS, dilation=dilation, padding=dilation * (TAPS - 1) // 2)
            for before, dilation in zip(widths[:-1], DILATIONS, strict=True)
        )
        self.last = nn.Conv1d(CHANNELS, 3, 1)
        self.drop = nn.Dropout1d(DROPPED)

    def forward(self, levels: torch.Tensor) -> torch.Tensor:
        padded = nn.functional.pad(levels, (MEAN_REACH, MEAN_REACH), mode="replicate")
        means = nn.functional.avg_pool1d(padded, 2 * MEAN_REACH + 1, 1)
        values = self.drop(torch.clamp((levels - means) / INPUT_SCALE_DB, -MOST_INPUT, MOST_INPUT))
        for number, layer in enumerate(self.layers):
            made = torch.relu(layer(values))
            values = values + made if number else made
        outputs: torch.Tensor = self.last(values)
        return outputs


def _trained(corpus: Sequence[Track], seed: int) -> Network:
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    corpus = [track for track in corpus if len(track.powers) > FRAMES + 2]
    net = _Net()
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=3e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=STEPS)
    for _ in range(STEPS):
        columns = zip(*(_item(corpus, rng) for _ in range(BATCH)), strict=True)
        loss = _loss(net, *(torch.tensor(np.stack(column), dtype=torch.float32) for column in columns))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1)
        optimiser.step()
        schedule.step()
    layers = [*net.layers, net.last]
    weights = [_array(layer.weight).transpose(2, 1, 0) for layer in layers]
    return Network(weights=(*weights[:-1], weights[-1][0]), biases=tuple(_array(layer.bias) for layer in layers))


def _loss(net: _Net, *shown: torch.Tensor) -> torch.Tensor:
    """Whether there is a jump, and the likelihood of its step under a Laplace distribution of the doubt it tells."""
    levels, is_jump, counts, step_db, step_counts = shown
    inner = slice(EDGE, -EDGE)
    logits, steps, doubts = net(levels.transpose(1, 2)).unbind(1)
    weight = torch.tensor(3.0)
    seen = nn.functional.binary_cross_entropy_with_logits(logits, is_jump, reduction="none", pos_weight=weight) * counts
    doubts = torch.clamp(doubts, -2, 3)
    missed = (torch.abs(STEP_SCALE_DB * steps - step_db) * torch.exp(-doubts) + doubts) * step_counts
    return 20 * seen[:, inner].mean() + 0.3 * missed[:, inner].sum() / (step_counts[:, inner].sum() + 1)


def _array(values: Any) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.detach().numpy()
    return array


# What the evidence weighs.


def _evidence(corpus: Iterable[Track], by_fold: Sequence[Network]) -> tuple[Floats, float]:
    """Weights and offset of a logistic regression on the jumps that are left, true and false."""
    rng = np.random.default_rng(7)
    rows, truths = [], []
    for track in corpus:
        for start in range(0, len(track.powers) - FRAMES, PIECE_FRAMES):
            powers = track.powers[start : start + PIECE_FRAMES]
            for kind in ("clean", "dense"):
                ride = _ride(len(powers), rng, kind)
                found, truth = _judged(powers, ride, by_fold[track.fold])
                rows.append(found)
                truths.append(truth)
    return _regression(np.concatenate(rows), np.concatenate(truths))


def _judged(powers: Floats, ride: Ride, network: Network) -> tuple[Floats, Floats]:
    levels = (10 * np.log10(powers * 10 ** (ride.gains_db[:, None] / 10) + FLOOR_POWER)).astype(np.float32)
    repeats = find_repeats(levels)
    jumps, gains_db = fitted(jumps_seen(levels, network), repeats)
    truth = [_is_true(*one, ride) for one in zip(jumps.frames, np.diff(gains_db), strict=True)]
    return measures(jumps, gains_db, repeats), np.asarray(truth, dtype=np.float64)


def _is_true(frame: int, height_db: float, ride: Ride) -> bool:
    near = [step_db for middle, step_db in ride.jumps if abs(frame + 0.5 - middle) < 5]
    return any(step_db * height_db > 0 and abs(step_db) > 2 for step_db in near)


def _regression(rows: Floats, truths: Floats) -> tuple[Floats, float]:
    """By Newton's method, with a small pull towards zero."""
    means, spreads = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    inputs = np.c_[(rows - means) / spreads, np.ones(len(rows))]
    weights = np.zeros(inputs.shape[1])
    for _ in range(30):
        said = 1 / (1 + np.exp(-inputs @ weights))
        curvature = (inputs * (said * (1 - said) + 1e-6)[:, None]).T @ inputs + np.eye(weights.size)
        weights += np.linalg.solve(curvature, inputs.T @ (truths - said) - weights)
    return weights[:-1] / spreads, float(weights[-1] - np.sum(weights[:-1] * means / spreads))


def _layers(network: Network) -> list[dict[str, Any]]:
    return [
        {"shape": list(weight.shape), "weight": _text(weight), "bias": _text(bias)}
        for weight, bias in zip(network.weights, network.biases, strict=True)
    ]


def _text(values: NDArray[np.float32]) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f2").tobytes()).decode()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

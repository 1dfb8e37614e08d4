"""Makes `engine/inspection/reverb.json`: the network that turns reverberation down, and what a room is estimated with.

    python -m benchmarks.reverb_training MUSIC

Shown are pieces of the half `tuning` of MUSIC/train and mixes made here, as they are and with reverberation drawn from
the recipe `realistic`, through the engine's own eyes. Nothing is fitted on any other track. The chance that a room was
added is fitted on estimates for tracks that the estimate does not know. Some ten minutes on one core; needs the extra
`train`.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.repair_items import RECIPE, TUNING, Piece, pieces, tracks
from rebounce.engine.audio import Audio
from rebounce.engine.overlap_add import Framing, Powers, Spectra, spectra_of
from rebounce.engine.repair.reverb_bands import BANDS, ROWS, STEREO, band_powers, band_starts, reverb_framing, rows_of
from rebounce.engine.repair.reverb_gain import (
    FRAMES_AFTER,
    FRAMES_BEFORE,
    FURTHEST,
    Past,
    features,
    means_for,
    relative,
)
from rebounce.engine.repair.reverb_statistics import room_of
from rebounce.training.exercise import exercise_of_fault
from rebounce.training.faults.fault import apply_fault, draw_fault
from rebounce.training.faults.registry import fault_named
from rebounce.training.music import make_mix
from rebounce.training.recipes import load_recipe

Floats = NDArray[np.float64]

TARGET = Path(__file__).parent.parent / "engine" / "inspection" / "reverb.json"
SECONDS, LEAST_SECONDS = 10.0, 5.0
MIX_RATE_HZ, FIRST_SEED = 44_100, 1_000

WIDTH, BATCH, DROPPED, LEARNING_RATE, DECAY = 48, 4, 0.1, 3e-3, 1e-2
# Added to the share of the error, so that pieces that come near 15 dB weigh less and less.
ENOUGH = 0.03
# Of the room: how weights are pulled to zero, groups of tracks, and what counts as dry.
PULL, FOLDS, MOST_DB = 100.0, 5, 20.0
# A reverberation time can be heard where there is so much of it.
HEARD_BELOW_DRR_DB = 6.0
SCALED_MOST = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is shown, and for how long: of each piece one as it is, and so many with reverberation."""

    pieces_per_track: int = 10
    draws_per_piece: int = 3
    mixes: int = 60
    draws_per_mix: int = 2
    steps: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A piece, with the `drawn` reverberation or with none.

    `seen` `(frames, bands, features)` is what the network is shown; `powers` and `products` `(2, frames, bands)` are
    those of its spectra, and of these with the clean ones, against the energy of the clean piece.
    """

    track: str
    is_made: bool
    drawn: Mapping[str, Any]
    described: Floats
    seen: NDArray[np.float16] = field(repr=False)
    powers: Powers = field(repr=False)
    products: Audio = field(repr=False)

    @property
    def si_sdr_db(self) -> float:
        """What is clean in it against what was added, at most `MOST_DB`."""
        powers, products = self.powers.sum(dtype=np.float64), self.products.sum(dtype=np.float64)
        return min(-10 * float(np.log10(max(powers / products**2 - 1, 1e-6))), MOST_DB)


def main(folder: Path, plan: Plan, target: Path = TARGET) -> None:
    items = [*music_items(folder, plan), *_made_items(plan)]
    fitted = estimates(items) | chance(items) | _network(items, plan.steps)
    kept = {
        "about": "Made by benchmarks/reverb_training.py from the music below and from mixes made by rebounce itself.",
        "music": card(folder, {item.track for item in items}),
        **{name: _lists(values) for name, values in fitted.items()},
    }
    target.write_text(json.dumps(kept, ensure_ascii=False) + "\n", encoding="utf-8")


def card(folder: Path, used: set[str]) -> list[dict[str, str]]:
    """What is known of each track that was used: `index.json` tells title, artist, licence and source."""
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    known = {Path(entry["file"]).name: entry for entry in index["train"]}
    keys = ("title", "artist", "licence", "source")
    paths = [path for path in tracks(folder / "train", TUNING) if path.stem in used]
    return [{key: known[path.name].get(key, "not stated") for key in keys} for path in paths]


# What is shown.


def music_items(folder: Path, plan: Plan) -> Iterator[Item]:
    """Items of the tracks that weights may be fitted on."""
    for piece in pieces(folder / "train", TUNING, SECONDS, plan.pieces_per_track):
        channels, frames = piece.audio.shape
        if channels == STEREO and frames > LEAST_SECONDS * piece.sample_rate_hz:
            yield from _items(piece, plan.draws_per_piece, is_made=False)


def _made_items(plan: Plan) -> Iterator[Item]:
    for seed in range(FIRST_SEED, FIRST_SEED + plan.mixes):
        audio = make_mix(seed, SECONDS, MIX_RATE_HZ).audio
        piece = Piece(track=f"mix{seed}", number=0, audio=audio, sample_rate_hz=MIX_RATE_HZ)
        yield from _items(piece, plan.draws_per_mix, is_made=True)


def _items(piece: Piece, draws: int, is_made: bool) -> Iterator[Item]:
    fault = fault_named("reverb")
    ranges = exercise_of_fault("reverb", load_recipe(RECIPE)).recipe.entries[0].ranges
    for draw in range(draws + 1):
        audio, drawn = piece.audio, {}
        if draw:
            drawn = draw_fault(fault, np.random.default_rng([draw, sum(map(ord, piece.track)), piece.number]), ranges)
            audio = apply_fault(fault, piece.audio, piece.sample_rate_hz, drawn)
        item = _item(piece, audio, drawn, is_made)
        if item is not None:
            yield item


def _item(piece: Piece, audio: Audio, drawn: Mapping[str, Any], is_made: bool) -> Item | None:
    """What the repair would see of the audio; None where there is nothing to see."""
    rate_hz = piece.sample_rate_hz
    statistics = room_of([audio], rate_hz)
    if statistics is None or statistics.described is None or not piece.audio.any():
        return None
    framing = reverb_framing(rate_hz)
    starts = band_starts(framing, rate_hz)
    clean, spectra = _spectra(piece.audio, framing), _spectra(audio, framing)
    powers = band_powers(spectra, starts)
    against = relative(powers, means_for(statistics.means.mean(axis=0) * np.float32(framing.size**2)))
    inner = slice(FRAMES_BEFORE, -FRAMES_AFTER)
    now = against[:, inner]
    energy = np.square(np.abs(clean)).sum(dtype=np.float64)
    return Item(
        track=piece.track,
        is_made=is_made,
        drawn=drawn,
        described=statistics.described,
        seen=features(against, Past(framing.hop / rate_hz).averages(now, now.shape[1])).astype(np.float16),
        powers=(powers[:, inner] / energy).astype(np.float32),
        products=(_banded((spectra.conj() * clean).real, starts)[:, inner] / energy).astype(np.float32),
    )


def _spectra(audio: Audio, framing: Framing) -> Spectra:
    """All frames that the audio lies in, and those that a gain needs to see beside them."""
    before = framing.margin + FRAMES_BEFORE * framing.hop
    after = framing.margin + FRAMES_AFTER * framing.hop + -audio.shape[1] % framing.hop
    return spectra_of(rows_of(np.pad(audio, ((0, 0), (before, after)))), framing)


def _banded(values: Audio, starts: NDArray[np.intp]) -> Audio:
    has_some = starts[1:] > starts[:-1]
    banded = np.zeros((*values.shape[:2], BANDS), dtype=np.float32)
    banded[..., has_some] = np.add.reduceat(values[..., : starts[-1]], starts[:-1][has_some], axis=2)
    return banded


# What the statistics of a file say of its room.


def estimates(items: Sequence[Item]) -> dict[str, Floats]:
    """The weights of the three estimates, and how the statistics are scaled for all of them."""
    described = np.array([item.described for item in items])
    mean, spread = described.mean(axis=0), described.std(axis=0) + 1e-6
    scaled = np.clip((described - mean) / spread, -SCALED_MOST, SCALED_MOST)
    fitted = {"room_mean": mean, "room_spread": spread}
    targets = {
        "need": [item.si_sdr_db for item in items],
        "drr_db": [min(item.drawn.get("drr_db", MOST_DB), MOST_DB) for item in items],
        "rt60_log": [_rt60_log(item) for item in items],
    }
    for name, values in targets.items():
        wanted = np.array(values)
        is_known = np.isfinite(wanted)
        weights, offset = _ridge(scaled[is_known], wanted[is_known])
        fitted |= {f"{name}_weights": weights, f"{name}_offset": np.array([offset])}
    return fitted


def _rt60_log(item: Item) -> float:
    if "rt60_s" not in item.drawn or item.drawn["drr_db"] >= HEARD_BELOW_DRR_DB:
        return float("nan")
    return float(np.log10(item.drawn["rt60_s"]))


def _ridge(inputs: Floats, wanted: Floats) -> tuple[Floats, float]:
    mean, centre = inputs.mean(axis=0), wanted.mean()
    apart = inputs - mean
    weights = np.linalg.solve(apart.T @ apart + PULL * np.eye(mean.size), apart.T @ (wanted - centre))
    return weights, float(centre - mean @ weights)


def chance(items: Sequence[Item]) -> dict[str, Floats]:
    """The logistic curve from the estimate `need` to the chance that a room was added, where that is even odds."""
    folds = {track: number % FOLDS for number, track in enumerate(sorted({item.track for item in items}))}
    said, is_wet = [], []
    for fold in range(FOLDS):
        fitted = estimates([item for item in items if folds[item.track] != fold])
        judged = [item for item in items if folds[item.track] == fold and not item.is_made]
        said += [added_db(item.described, fitted) for item in judged]
        is_wet += [bool(item.drawn) for item in judged]
    return _curve(np.array(said), np.array(is_wet))


def added_db(described: Floats, fitted: Mapping[str, Floats]) -> float:
    """What `RoomStatistics.read` says of `need`."""
    scaled = np.clip((described - fitted["room_mean"]) / fitted["room_spread"], -SCALED_MOST, SCALED_MOST)
    return float(scaled @ fitted["need_weights"] + fitted["need_offset"][0])


def _curve(said: Floats, is_wet: NDArray[np.bool_]) -> dict[str, Floats]:
    """By Newton's method; pieces with and without a room count for one half each."""
    inputs = np.c_[said, np.ones(said.size)]
    counts = np.where(is_wet, 0.5 / is_wet.sum(), 0.5 / (~is_wet).sum())
    weights = np.zeros(2)
    for _ in range(30):
        chances = 1 / (1 + np.exp(-inputs @ weights))
        curvature = (inputs * (counts * chances * (1 - chances))[:, None]).T @ inputs + 1e-9 * np.eye(2)
        weights += np.linalg.solve(curvature, inputs.T @ (counts * (is_wet - chances)))
    return {"even_chance_db": -weights[1:] / weights[:1], "chance_width_db": -1 / weights[:1]}


# The network.


def _network(items: Sequence[Item], steps: int) -> dict[str, Floats]:
    """What `reverb_gain.gains` computes, trained to bring the SI-SDR of pieces up."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    width = items[0].seen.shape[2]
    shown = np.concatenate([item.seen[::40].reshape(-1, width) for item in items]).astype(np.float32)
    mean, spread = shown.mean(axis=0), shown.std(axis=0) + np.float32(1e-3)
    first, second, last = nn.Linear(width, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, ROWS)
    net = nn.Sequential(first, nn.SiLU(), nn.Dropout(DROPPED), second, nn.SiLU(), last)
    with torch.no_grad():
        # Gains begin near one.
        last.weight.mul_(0.1)
        last.bias.add_(3)
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps + 2)
    for _ in range(steps):
        chosen = rng.choice(len(items), min(BATCH, len(items)), replace=False)
        loss = torch.stack([_loss(net, items[number], mean, spread) for number in chosen]).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    fitted: dict[str, Any] = {"mean": mean, "spread": spread}
    for number, layer in enumerate((first, second, last), start=1):
        fitted |= {f"weights{number}": layer.weight.detach().numpy(), f"offsets{number}": layer.bias.detach().numpy()}
    return fitted


def _loss(net: Any, item: Item, mean: Audio, spread: Audio) -> Any:
    """The logarithm of the share of the error, at the best gain for all of the piece."""
    import torch

    seen = np.clip((item.seen.astype(np.float32) - mean) / spread, -FURTHEST, FURTHEST)
    gains = torch.sigmoid(net(torch.from_numpy(seen))).permute(2, 0, 1)
    power = (gains * gains * torch.from_numpy(item.powers)).sum()
    product = (gains * torch.from_numpy(item.products)).sum().clamp(min=1e-3)
    return torch.log10(torch.clamp(power / product**2 - 1, min=1e-4) + ENOUGH)


def _lists(values: Any) -> Any:
    """Lists of numbers, four digits each."""
    return [_lists(value) for value in values] if np.ndim(values) else float(f"{float(values):.4g}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Plan())

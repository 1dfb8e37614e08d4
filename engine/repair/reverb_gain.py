"""How much of each band, in each moment, is sound of its own and not what rings on from before.

A small network looks at a band at a time: how loud mid and side are now, just before and just after, against averages
of the past over 0.05 to 1.6 s, against each other, against the bands beside and against the whole. It gives a gain for
each of both. It knows nothing of the file as a whole: with
statistics of that it learnt its training pieces by heart. Trained for SI-SDR on the tuning half of the freely licensed
training tracks and on synthetic mixes, with reverberation of the recipe `realistic`.
"""

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.overlap_add import Powers
from rebounce.engine.repair.reverb_bands import BANDS, ROWS

# What a gain needs to see beside its own frame.
FRAMES_BEFORE, FRAMES_AFTER = 3, 4
NEARBY_FRAMES = (-1, -2, -3, 1, 2, 4)
PAST_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
# The average of the past that mid and side are compared over.
COMPARED = 2
# Powers count against the mean of their band, with this added: what is softer is silence.
FLOOR = np.float32(1e-5)
FURTHEST = 5.0

WEIGHTS = "reverb.json"
# Of the file: how it was made, and from which music.
NO_WEIGHTS = ("about", "music")


@lru_cache(maxsize=1)
def trained() -> dict[str, Any]:
    """What was trained: arrays by name."""
    text = files("rebounce.engine.inspection").joinpath(WEIGHTS).read_text(encoding="utf-8")
    kept = json.loads(text)
    return {name: np.array(kept[name], dtype=np.float32) for name in kept if name not in NO_WEIGHTS}


class Past:
    """Running averages of what came before, `(averages, 2, bands)`, for one run."""

    def __init__(self, hop_seconds: float) -> None:
        self._keep = np.exp(-hop_seconds / np.array(PAST_SECONDS, dtype=np.float32))[:, np.newaxis, np.newaxis]
        self._state = np.zeros((len(PAST_SECONDS), ROWS, BANDS), dtype=np.float32)

    def averages(self, powers: Powers, kept: int) -> Audio:
        """Before each frame of `powers`, `(averages, 2, frames, bands)`; the next call begins `kept` frames on."""
        frames = powers.shape[1]
        averages = np.empty((len(PAST_SECONDS), ROWS, frames, BANDS), dtype=np.float32)
        state = self._state
        for frame in range(frames):
            if frame == kept:
                self._state = state
            averages[:, :, frame] = state
            state = self._keep * state + (1 - self._keep) * powers[:, frame]
        if kept >= frames:
            self._state = state
        return averages


def relative(powers: Powers, means: Audio) -> Powers:
    """Powers against the mean of their band, which are those of `means_for`."""
    return np.asarray(powers / means + FLOOR, dtype=np.float32)


def means_for(means: Audio) -> Audio:
    """What powers are divided by: the mean of each band over the file, no less than a little of all of them."""
    return np.asarray(means + FLOOR * means.mean() + np.float32(1e-30), dtype=np.float32)


def features(powers: Powers, averages: Audio) -> Audio:
    """What the network sees, `(frames, bands, features)`, of relative powers that reach further on both sides."""
    frames = averages.shape[2]
    inner = slice(FRAMES_BEFORE, FRAMES_BEFORE + frames)
    levels = np.log10(powers)
    now, past = levels[:, inner], np.log10(averages + FLOOR)
    seen = [now[0], now[1]]
    seen += [past[average, row] - now[row] for average in range(len(PAST_SECONDS)) for row in range(ROWS)]
    for step in NEARBY_FRAMES:
        near = levels[:, FRAMES_BEFORE + step : FRAMES_BEFORE + step + frames]
        seen += [near[row] - now[row] for row in range(ROWS)]
    seen.append(past[COMPARED, 1] - past[COMPARED, 0])
    whole = np.log10(powers[:, inner].mean(axis=2, keepdims=True))
    seen += [np.broadcast_to(whole[row], now[row].shape) for row in range(ROWS)]
    both = np.log10(powers[:, inner].sum(axis=0))
    seen += [np.roll(both, -1, axis=1) - both, np.roll(both, 1, axis=1) - both]
    seen.append(np.broadcast_to(np.linspace(-1, 1, BANDS, dtype=np.float32), both.shape))
    return np.stack(seen, axis=-1)


def gains(seen: Audio) -> Audio:
    """The network: `(frames, bands, features)` in, the gain of mid and side out, `(2, frames, bands)`."""
    net = trained()
    values = np.clip((seen.reshape(-1, seen.shape[2]) - net["mean"]) / net["spread"], -FURTHEST, FURTHEST)
    for layer in ("1", "2"):
        values = values @ net[f"weights{layer}"].T + net[f"offsets{layer}"]
        values *= _logistic(values)
    made = _logistic(values @ net["weights3"].T + net["offsets3"])
    return made.T.reshape(ROWS, *seen.shape[:2])


def _logistic(values: Audio) -> Audio:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))), dtype=np.float32)

"""A small network that looks at band levels around each moment: did the level jump there, and by how much?

Five convolutions over time that see 2.9 s to both sides, in NumPy. Its input is the levels without their mean over 3 s,
so a gain changes nothing. `level_ride.json` holds its 8 thousand numbers and says what it was trained on;
`benchmarks/level_ride_training.py` made it.
"""

import base64
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.inspection.level_bands import Levels, are_silent, in_decibels
from rebounce.engine.inspection.level_sections import Jumps

Floats = NDArray[np.float32]

DILATIONS = (1, 2, 4, 8, 16)
TAPS = 5
MEAN_REACH = 33
# All that an output depends on lies this near; so memory need not grow with the file.
REACH = MEAN_REACH + sum(dilation * (TAPS - 1) // 2 for dilation in DILATIONS)
FRAMES_AT_ONCE = 4096
INPUT_SCALE_DB, MOST_INPUT = 10.0, 4.0
STEP_SCALE_DB = 5.0
DOUBT_RANGE = (-2.0, 3.0)

LEAST_LOGIT = float(np.log(0.2 / 0.8))
# What goes up and down within 1.3 s is the music itself: nobody moves a fader back so soon.
APART_FRAMES = 28
# The networks were not trained on what lies so near to the end of the audio: 0.9 s. Silence is such an end.
END_FRAMES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """`weights` of each layer are `(taps, in, out)`, those of the last one `(in, 3)`."""

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]

    def outputs(self, levels: Levels) -> Floats:
        """`(frames, 3)`: logit of a jump, its height, and the log of the doubt about that."""
        outputs = np.empty((len(levels), 3), dtype=np.float32)
        for first in range(0, len(levels), FRAMES_AT_ONCE):
            before = max(0, first - REACH)
            seen = self._outputs(in_decibels(levels[before : first + FRAMES_AT_ONCE + REACH]))
            outputs[first : first + FRAMES_AT_ONCE] = seen[first - before : first - before + FRAMES_AT_ONCE]
        return outputs

    def _outputs(self, levels: Floats) -> Floats:
        values = np.clip((levels - _means_around(levels)) / INPUT_SCALE_DB, -MOST_INPUT, MOST_INPUT)
        layers = list(zip(self.weights, self.biases, strict=True))
        for number, (dilation, (weight, bias)) in enumerate(zip(DILATIONS, layers[:-1], strict=True)):
            made = np.maximum(_convolved(values, weight, dilation) + bias, 0)
            values = values + made if number else made
        weight, bias = layers[-1]
        outputs: Floats = values @ weight + bias
        return outputs


def jumps_seen(levels: Levels, network: Network) -> Jumps:
    """The moments that may hold a jump; where the music pauses there is none, and its level goes on in the pause."""
    silent = are_silent(levels)
    outputs = network.outputs(_held_through(levels, silent)).astype(np.float64)
    frames = _peaks(outputs[:, 0], silent)
    return Jumps(
        frames=frames,
        logits=outputs[frames, 0],
        steps_db=STEP_SCALE_DB * outputs[frames, 1],
        doubts_db=np.exp(np.clip(outputs[frames, 2], *DOUBT_RANGE)),
    )


@cache
def bundled_network() -> Network:
    """The one that comes with the package."""
    text = files("rebounce.engine.inspection").joinpath("level_ride.json").read_text(encoding="utf-8")
    layers = json.loads(text)["layers"]
    return Network(
        weights=tuple(_read(layer["weight"], layer["shape"]) for layer in layers),
        biases=tuple(_read(layer["bias"], layer["shape"][-1:]) for layer in layers),
    )


def _read(text: str, shape: list[int]) -> Floats:
    return np.frombuffer(base64.b64decode(text), dtype="<f2").astype(np.float32).reshape(shape)


def _held_through(levels: Levels, silent: NDArray[np.bool_]) -> Levels:
    """Each silent frame as the nearest one that sounds."""
    sounding = np.flatnonzero(~silent)
    if sounding.size in (0, len(levels)):
        return levels
    places = np.arange(len(levels))
    after = np.searchsorted(sounding, places).clip(max=sounding.size - 1)
    before = np.maximum(after - 1, 0)
    is_after_nearer = np.abs(sounding[after] - places) < np.abs(sounding[before] - places)
    return levels[sounding[np.where(is_after_nearer, after, before)]]


def _means_around(levels: Floats) -> Floats:
    """The mean of every band over the frames around; past the ends, the last levels go on."""
    padded = np.pad(levels.astype(np.float64), ((MEAN_REACH + 1, MEAN_REACH), (0, 0)), mode="edge")
    sums = np.cumsum(padded, axis=0)
    width = 2 * MEAN_REACH + 1
    means: Floats = ((sums[width:] - sums[:-width]) / width).astype(np.float32)
    return means


def _convolved(values: Floats, weight: Floats, dilation: int) -> Floats:
    reach = dilation * (TAPS - 1) // 2
    padded = np.pad(values, ((reach, reach), (0, 0)))
    total = np.zeros((len(values), weight.shape[2]), dtype=np.float32)
    for tap in range(TAPS):
        total += padded[tap * dilation : tap * dilation + len(values)] @ weight[tap]
    return total


def _peaks(logits: NDArray[np.float64], silent: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Where the logit is high, and higher than at all frames around, what is near an end or a silence aside."""
    from scipy.ndimage import maximum_filter1d

    highest = maximum_filter1d(logits, 2 * APART_FRAMES + 1, mode="nearest")
    is_peak = (logits >= highest) & (logits > LEAST_LOGIT)
    is_peak &= maximum_filter1d(silent.astype(np.uint8), 2 * END_FRAMES + 1, mode="nearest") == 0
    is_peak[:END_FRAMES] = False
    is_peak[-END_FRAMES:] = False
    return np.flatnonzero(is_peak)

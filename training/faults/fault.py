"""What a fault is, and the one way it is drawn and applied."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from rebounce.engine.audio import Audio, as_audio
from rebounce.training.faults.ranges import Pick, Range, check_ranges

Parameters = dict[str, Any]
"""What a fault was drawn as: nothing but what JSON can hold, enough to do exactly the same again."""


class Fault(Protocol):
    """A kind of damage: `ranges` is what a recipe may set, `about` one line for help and docs.

    `draw` takes everything that is left to chance from `pick`, a seed for noise too. `apply` is a pure function:
    float32 `(channels, frames)` of at least one frame in, the same shape out, nothing late, nothing clipped that the
    fault does not mean to clip.
    """

    name: str
    about: str
    ranges: ClassVar[Mapping[str, Range]]

    def draw(self, pick: Pick) -> Parameters: ...

    def apply(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio: ...


@runtime_checkable
class Undoable(Fault, Protocol):
    """A fault that can be taken back exactly by who knows its parameters; None where these cannot be."""

    def undo(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio | None: ...


def draw_fault(fault: Fault, rng: np.random.Generator, given: Mapping[str, Any] | None = None) -> Parameters:
    """Parameters from a recipe's ranges (`given`), and from the fault's own where it gives none."""
    given = given or {}
    check_ranges(fault.name, fault.ranges, given)
    return fault.draw(Pick(rng=rng, ranges=fault.ranges, given=given))


def apply_fault(fault: Fault, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
    """The damaged audio, of the shape of the clean; silence of no frames stays that."""
    clean = as_audio(audio)
    if clean.shape[1] == 0:
        return clean.copy()
    damaged = np.asarray(fault.apply(clean, sample_rate_hz, parameters), dtype=np.float32)
    assert damaged.shape == clean.shape, f"{fault.name}: {clean.shape} became {damaged.shape}"
    return damaged

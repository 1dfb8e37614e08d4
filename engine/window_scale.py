"""What a window of audio is divided by before a codec sees it, as the manifest of its package says under `[scaling]`.

Always true here: the scale is above 0, so that silence can be divided by it, and is counted in float64, so that it is
the same wherever the window lies in memory.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.checked_table import Scalar
from rebounce.engine.errors import ModelError

MONO_PART = 10 ** (-15 / 20)
"""The least scale by the mono mix, as a part of the level over both channels: anti-phase material has no mono mix."""


def both_rms(audio: Audio, floor: float) -> float:
    """The level over all channels."""
    return max(_rms(audio), floor)


def mono_rms(audio: Audio, floor: float) -> float:
    """The level of the mean of the channels, as the encodec package scales; held up where the channels cancel."""
    mono = audio.mean(axis=0, keepdims=True, dtype=np.float32)
    return max(floor + _rms(mono), MONO_PART * _rms(audio))


SCALINGS: dict[str, Callable[[Audio, float], float]] = {"both-rms": both_rms, "mono-rms": mono_rms}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """A kind of scale by its name in `SCALINGS`, and the least level there is for it, where 1 is full scale."""

    kind: str
    floor: float

    def of(self, audio: Audio) -> float:
        """The scale of a window's own frames `(channels, frames)`, without what fills it up; a float32 number."""
        return float(np.float32(SCALINGS[self.kind](audio, self.floor)))


def read_scaling(table: dict[str, Scalar], where: str) -> Scaling:
    """The `[scaling]` table of a codec's manifest, or a ModelError; `where` names the package in it."""
    kind, floor = table.get("kind"), table.get("floor")
    if not isinstance(kind, str) or kind not in SCALINGS:
        raise ModelError(
            f"{where}: scaling.kind = {kind!r}, expected {' or '.join(SCALINGS)}; export the package again"
        )
    if isinstance(floor, bool) or not isinstance(floor, float) or not 0 < floor < 1:
        raise ModelError(
            f"{where}: scaling.floor = {floor!r}, expected a level above 0 and below 1, 1e-05 say; "
            "export the package again"
        )
    return Scaling(kind=kind, floor=floor)


def _rms(audio: Audio) -> float:
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64)))) if audio.size else 0.0

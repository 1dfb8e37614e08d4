"""Peaks cut off at a ceiling: a converter, a mixer or a plugin driven too far."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.level import is_sounding
from rebounce.training.faults.ranges import Choice, Pick, Range, Span

HARD, SOFT = "hard", "soft"
PERCENTILE, DBFS = "percentile", "dbfs"


class Clipping:
    """One ceiling for both polarities and all channels; `hard` cuts there, `soft` bends towards it with a tanh.

    `ceiling_is` says where it lies: at a `percentile` of the magnitudes of all samples but those of pauses, or at
    `ceiling_dbfs`.
    """

    name = "clipping"
    about = "peaks cut off at a ceiling"
    ranges: ClassVar[Mapping[str, Range]] = {
        "kind": Choice(options=(HARD, SOFT), drawn=(HARD, SOFT)),
        "ceiling_is": Choice(options=(PERCENTILE, DBFS), drawn=(PERCENTILE,)),
        "percentile": Span(lowest=50, highest=100, drawn=(90, 99.7)),
        "ceiling_dbfs": Span(lowest=-60, highest=20, drawn=(-12, -3)),
    }

    def draw(self, pick: Pick) -> Parameters:
        ceiling = "percentile" if pick("ceiling_is") == PERCENTILE else "ceiling_dbfs"
        return {"kind": pick("kind"), ceiling: pick(ceiling)}

    def apply(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
        ceiling = _ceiling(audio, sample_rate_hz, parameters)
        if ceiling == 0:
            return audio.copy()
        is_hard = parameters["kind"] == HARD
        clipped: Audio = np.clip(audio, -ceiling, ceiling) if is_hard else np.tanh(audio / ceiling) * ceiling
        return clipped


def _ceiling(audio: Audio, sample_rate_hz: int, parameters: Parameters) -> np.float32:
    if "ceiling_dbfs" in parameters:
        return np.float32(10 ** (parameters["ceiling_dbfs"] / 20))
    sounding = np.abs(audio)[is_sounding(audio, sample_rate_hz)]
    return np.float32(np.percentile(sounding, parameters["percentile"])) if sounding.size else np.float32(0)

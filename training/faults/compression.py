"""Dynamics squeezed by a compressor on the whole mix.

It is the engine's `Dynamics`, which is pedalboard's compressor made to mean what it says: pedalboard's own counts its
times 2 pi times as fast as asked, works on each channel apart, which moves the stereo image, and lets its reduction on
a tone depend on both times. Here one gain holds for all channels, and attack and release are the times to 63 %.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.level import brought_to, rms, sounding_rms
from rebounce.training.faults.ranges import Choice, Pick, Range, Span

DBFS, RMS = "dbfs", "rms"

# Where the compressor works when its threshold goes by the audio: at the top of this, whatever the audio's own level.
WORKING_RMS_DBFS = -20.0
# Below this, -750 dBFS, float32 cannot hold the gain to there.
SOFTEST_RMS = float(np.finfo(np.float32).tiny)


class Compression:
    """`threshold_is` says which threshold counts: `threshold_db` in dBFS, or `threshold_over_rms_db` over the root
    mean square of the audio without its pauses. `restores_rms` takes the place of `makeup_db`: the level stays.
    """

    name = "compression"
    about = "dynamics squeezed by a compressor"
    ranges: ClassVar[Mapping[str, Range]] = {
        "threshold_is": Choice(options=(DBFS, RMS), drawn=(DBFS,)),
        "threshold_db": Span(lowest=-60, highest=0, drawn=(-24, -6)),
        "threshold_over_rms_db": Span(lowest=-40, highest=20, drawn=(-10, 6)),
        "ratio": Span(lowest=1, highest=100, drawn=(1.5, 4)),
        "attack_ms": Span(lowest=0.1, highest=1_000, drawn=(1, 30), is_log=True),
        "release_ms": Span(lowest=1, highest=10_000, drawn=(40, 400), is_log=True),
        "makeup_db": Span(lowest=-24, highest=24, drawn=(0, 3)),
        "restores_rms": Choice(options=(True, False), drawn=(False,)),
    }

    def draw(self, pick: Pick) -> Parameters:
        threshold = "threshold_db" if pick("threshold_is") == DBFS else "threshold_over_rms_db"
        drawn = {key: pick(key) for key in (threshold, "ratio", "attack_ms", "release_ms")}
        return drawn | ({"restores_rms": True} if pick("restores_rms") else {"makeup_db": pick("makeup_db")})

    def apply(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
        level = rms(audio)
        if not level > SOFTEST_RMS:
            return audio.copy()
        if "threshold_over_rms_db" in parameters:
            scale = np.float32(10 ** (WORKING_RMS_DBFS / 20) / sounding_rms(audio, sample_rate_hz))
            threshold_db = WORKING_RMS_DBFS + parameters["threshold_over_rms_db"]
            squeezed = _compressed(audio * scale, sample_rate_hz, threshold_db, parameters) / scale
        else:
            squeezed = _compressed(audio, sample_rate_hz, parameters["threshold_db"], parameters)
        return brought_to(squeezed, level) if parameters.get("restores_rms") else squeezed


def _compressed(audio: Audio, sample_rate_hz: int, threshold_db: float, parameters: Parameters) -> Audio:
    from rebounce.engine.dynamics import Dynamics

    compressor = Dynamics(
        threshold_db=threshold_db,
        ratio=parameters["ratio"],
        attack_ms=parameters["attack_ms"],
        release_ms=parameters["release_ms"],
        makeup_db=parameters.get("makeup_db", 0.0),
    )
    return compressor(audio, sample_rate_hz)

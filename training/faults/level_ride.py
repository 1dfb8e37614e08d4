"""A level that jumps: a fader moved, a take joined to another, a broadcaster's automatic gain."""

from collections.abc import Mapping
from itertools import cycle
from typing import Any, ClassVar

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.ranges import Pick, Range, Span

# As many are drawn, whatever the length of the audio; where it is longer than all of them, they come round again.
SECTIONS = 16


class LevelRide:
    """Sections of `section_s`, each at its own `gain_db`, reached from the section before within `transition_ms`."""

    name = "level_ride"
    about = "a level that jumps from section to section"
    ranges: ClassVar[Mapping[str, Range]] = {
        "gain_db": Span(lowest=-40, highest=40, drawn=(-8, 8)),
        "section_s": Span(lowest=0.1, highest=600, drawn=(1.5, 5)),
        "transition_ms": Span(lowest=1, highest=10_000, drawn=(30, 300), is_log=True),
    }

    def draw(self, pick: Pick) -> Parameters:
        keys = ("gain_db", "section_s", "transition_ms")
        return {"sections": [{key: pick(key) for key in keys} for _ in range(SECTIONS)]}

    def apply(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
        return audio * _gain(audio.shape[1], sample_rate_hz, parameters["sections"])

    def undo(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
        return audio / _gain(audio.shape[1], sample_rate_hz, parameters["sections"])


def _gain(frames: int, sample_rate_hz: int, sections: list[dict[str, Any]]) -> Audio:
    """The gain at each frame `(frames,)`: a straight line in dB within a transition, flat between them."""
    gain = np.empty(frames, dtype=np.float32)
    level_db, start, end_s = sections[0]["gain_db"], 0, 0.0
    for section in cycle(sections):
        end_s += section["section_s"]
        end = round(end_s * sample_rate_hz)
        before_db, level_db = level_db, section["gain_db"]
        gain[start:end] = 10 ** (level_db / 20)
        transition = min(round(section["transition_ms"] / 1000 * sample_rate_hz), end - start)
        ramp_db = np.linspace(before_db, level_db, transition, endpoint=False)[: frames - start]
        gain[start : start + ramp_db.size] = 10 ** (ramp_db / 20)
        start = end
        if start >= frames:
            break
    return gain

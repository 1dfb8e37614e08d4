"""RideLevel: takes back the jumps of a level that was ridden, so that all of a file is as loud as most of it.

Where the level jumped, and by how much, is found from the music (see `inspection/level_search.py`); where it did not,
or where that is not sure, nothing is done. The gain is a straight line in dB within a transition and flat between them.
The level in the middle, with half of the file above and half below, is the one that stays: its sections leave
bit-identical, and louder and softer ones are brought to it, as an engineer would who takes the greater part of the mix
for what was meant.
"""

from collections.abc import Iterable

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.parameters import Number
from rebounce.engine.plugin import Plugin
from rebounce.engine.repair.level_course import LevelCourse
from rebounce.engine.repair.scope import EVERYWHERE, Scope
from rebounce.engine.stream import GRID_FRAMES, Kernel, Timing


class RideLevel(Plugin):
    """Evens out jumps of more than 3 dB between sections of a file; `(channels, frames)` in and out.

    `strength` scales the correction in dB. `certainty` is how likely at least one jump must be, from 0 to 1, for
    anything to be done; lower it for a file whose level is known to jump, and call `analyse` again after that. Not for
    music whose own dynamics should be smaller: a crescendo, a softer verse or a break is no jump of a fader and stays.
    """

    needs_analysis = True
    analysis_type = LevelCourse
    analysis: LevelCourse | None

    strength = Number(0.0, 1.0)
    certainty = Number(0.0, 1.0)

    def __init__(self, *, strength: float = 1.0, certainty: float = 0.963) -> None:
        super().__init__(strength=strength, certainty=certainty)

    def measure(self, blocks: Iterable[Audio], sample_rate_hz: float) -> LevelCourse:
        from rebounce.engine.inspection.level_search import search_level

        return search_level(blocks, sample_rate_hz, self.certainty).course

    def notes(self) -> list[str]:
        if self.analysis is None:
            return []
        if not self.analysis.is_ridden:
            return ["no jump of the level that is surely not the music's own: left alone"]
        count = len(self.analysis.jumps_db())
        moves_db = [0.0 - self.strength * part.gain_db for part in self.analysis.parts()]
        sections = f"sections moved by {min(moves_db):+.1f} to {max(moves_db):+.1f} dB"
        return [f"{count} jump{'s' if count > 1 else ''} of the level evened out: {sections}"]

    def scope(self, sample_rate_hz: float) -> Scope:
        if self.analysis is None:
            return EVERYWHERE
        return Scope(stretches=self.analysis.moved_stretches(sample_rate_hz))

    def timing(self, sample_rate_hz: float) -> Timing:
        if self.analysis is not None and not self.analysis.is_ridden:
            return Timing(takes_many=True)
        return Timing(block_frames=GRID_FRAMES)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        assert self.analysis is not None, "a run that needs an analysis has one"
        if not self.analysis.is_ridden:
            return lambda block: block
        return _Fader(self.analysis, self.strength, sample_rate_hz)


class _Fader:
    """The kernel of one run: it knows by the number of frames it saw where it is."""

    def __init__(self, course: LevelCourse, strength: float, sample_rate_hz: float) -> None:
        self._frames, levels_db = course.knots(sample_rate_hz)
        self._gains_db = -strength * levels_db
        self._seen = 0

    def __call__(self, block: Audio) -> Audio:
        frames = self._seen + np.arange(block.shape[1])
        self._seen += block.shape[1]
        gains_db = np.interp(frames, self._frames, self._gains_db)
        if not gains_db.any():
            return block
        gains = (10 ** (gains_db / 20)).astype(np.float32)
        # In the working type of the block; a gain of 0 dB is exactly 1 and changes no bit.
        moved: Audio = block * gains
        return moved

"""What the statistics of a file say of the room it was heard in, as numbers for an analysis and a finding.

What always holds: estimates are coarse and say so. On tracks that nothing was fitted on, the ratio of direct to
reverberant sound is off by 7 dB (root mean square, dry music included) and the reverberation time by a factor of 1.7;
music that comes with reverberation of its own is taken for a room, and a dry recording in a room for music like that.
"""

import math
from dataclasses import dataclass

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.errors import ChainError
from rebounce.engine.repair.plate import LATEST_S, is_plate
from rebounce.engine.repair.reverb_bands import BANDS
from rebounce.engine.repair.reverb_gain import trained
from rebounce.engine.repair.reverb_statistics import RoomStatistics

# By the estimated ratio of the dry sound to what was added: from where on nothing is done, and from where on all.
UNTOUCHED_FROM_DB, WHOLLY_BELOW_DB = 8.0, 4.0

LEAST_DRR_DB, MOST_DRR_DB = -12.0, 20.0
LEAST_RT60_S, MOST_RT60_S = 0.2, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomEstimate:
    """The estimates for one file: `need` from 0 to 1 is how much of a repair it is to get.

    `levels_db` are the mean powers of the bands of `reverb_bands`, for a frame of full scale; empty where nothing is
    to be done. `plate` are the numbers of `Plate` in their order, where that is what the room is; else it is empty.
    """

    need: float
    chance: float
    rt60_s: float
    drr_db: float
    levels_db: tuple[float, ...]
    plate: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.need > 0 and len(self.levels_db) != BANDS and not self.plate:
            raise ChainError(
                f"ReduceReverb: analysis: expected the levels_db of {BANDS} bands with need = {self.need:g}, found "
                f"{len(self.levels_db)}; delete the analysis to look at the file afresh"
            )
        if self.plate and not is_plate(self.plate):
            raise ChainError(
                f"ReduceReverb: analysis: plate = {self.plate}, expected the level above 0 and below 1, the delay from "
                f"0 to {LATEST_S:g} s, and room size, damping and width from 0 to 1; delete the analysis to look at "
                "the file afresh"
            )

    def means(self) -> Audio:
        """The mean powers of the bands."""
        levels_db = np.array(self.levels_db, dtype=np.float32)
        return np.asarray(np.float32(10) ** (levels_db / np.float32(10)))


NO_ROOM = RoomEstimate(need=0.0, chance=0.0, rt60_s=0.0, drr_db=MOST_DRR_DB, levels_db=())


def estimate_of(statistics: RoomStatistics | None) -> RoomEstimate:
    """The estimates, or `NO_ROOM` where the file is too short or silent for any."""
    if statistics is None:
        return NO_ROOM
    added_db, drr_db, rt60_log = (statistics.read(what) for what in ("need", "drr_db", "rt60_log"))
    if added_db is None or drr_db is None or rt60_log is None:
        return NO_ROOM
    need = (UNTOUCHED_FROM_DB - added_db) / (UNTOUCHED_FROM_DB - WHOLLY_BELOW_DB)
    levels_db = 10 * np.log10(statistics.means.mean(axis=0) + 1e-30)
    assert levels_db.size == BANDS
    return RoomEstimate(
        need=round(min(max(need, 0.0), 1.0), 3),
        chance=round(_chance(added_db), 3),
        rt60_s=round(min(max(10**rt60_log, LEAST_RT60_S), MOST_RT60_S), 2),
        drr_db=round(min(max(drr_db, LEAST_DRR_DB), MOST_DRR_DB), 1),
        levels_db=tuple(round(float(level_db), 2) for level_db in levels_db),
    )


def _chance(added_db: float) -> float:
    """That a room was added, by a curve fitted on pieces of which half were reverberated."""
    even_db, width_db = (float(trained()[name][0]) for name in ("even_chance_db", "chance_width_db"))
    return 1 / (1 + math.exp((added_db - even_db) / width_db))

"""Jumps that come back in step with each other: a stutter, a gate on the beat. They are the music's own."""

import numpy as np
from numpy.typing import NDArray

# As many jumps must be followed, after the same time, by one like them.
FEWEST_PAIRS = 3
SAME_TIME_FRAMES = 2
SAME_HEIGHT_DB = 2.5
# Patterns are looked for within 15 s.
NEARBY_FRAMES = 320


def repeated(frames: NDArray[np.intp], heights_db: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the jumps belong to a pattern that repeats."""
    is_repeated = np.zeros(frames.size, dtype=bool)
    first, second = _alike(frames, heights_db)
    lags = frames[second] - frames[first]
    for lag in np.unique(lags):
        is_same = np.abs(lags - lag) <= SAME_TIME_FRAMES
        # Three on one grid somewhere in an hour are chance, so they must also be near each other.
        places = frames[first[is_same]]
        is_near = np.array([np.sum(np.abs(places - place) <= NEARBY_FRAMES) >= FEWEST_PAIRS for place in places])
        is_repeated[first[is_same][is_near]] = True
        is_repeated[second[is_same][is_near]] = True
    return is_repeated


def _alike(frames: NDArray[np.intp], heights_db: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of a jump and a later one that is as high, no further away than patterns are long."""
    pairs = []
    for number, (frame, height_db) in enumerate(zip(frames, heights_db, strict=True)):
        last = int(np.searchsorted(frames, frame + NEARBY_FRAMES, side="right"))
        later = np.arange(number + 1, last)
        is_alike = np.abs(heights_db[later] - height_db) < SAME_HEIGHT_DB
        pairs += [(number, other) for other in later[is_alike]]
    first, second = np.asarray(pairs, dtype=np.intp).reshape(-1, 2).T
    return first, second

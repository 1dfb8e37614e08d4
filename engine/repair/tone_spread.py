"""The tone of released music: how its long-term spectra spread, third of an octave by third of an octave.

Measured on 36 tracks of freely licensed music (chiptune, electronic, orchestral, piano, rock; see the development set
in docs), up to six stretches of 20 s each, every track counting once. Levels are those of the power of all channels
against their own mean from 100 Hz to 8 kHz, in dB. So few tracks give the edges of the spread to about 1 dB, and say
little of styles that are not among them.
"""

import numpy as np

from rebounce.engine.repair.tone_spectrum import LOWEST_THIRD, THIRDS, Floats

# From 50 Hz, below which many tracks hold nothing on purpose, to 16 kHz, above which coders cut.
FIRST_THIRD = -13 - LOWEST_THIRD
# fmt: off
MEANS_DB = (
    -1.7, 2.4, 3.6, 4.3, 5.0, 5.6, 5.5, 5.6, 7.1, 6.5, 5.6, 5.9, 4.0,
    2.3, 1.4, -0.6, -2.3, -4.0, -6.6, -8.8, -10.5, -12.0, -14.1, -15.9, -19.3, -23.8,
)
SPREADS_DB = (
    14.5, 13.2, 11.0, 8.2, 4.9, 4.4, 4.1, 4.1, 5.4, 5.3, 4.7, 4.4, 5.0,
    4.6, 4.7, 4.2, 3.7, 3.6, 3.8, 5.5, 6.5, 8.1, 9.4, 11.4, 12.3, 13.3,
)
# fmt: on
LEVEL_THIRDS = slice(-10 - LOWEST_THIRD, 10 - LOWEST_THIRD)

# Nine in ten tracks lie within this many standard deviations.
EDGE = 1.645
# A third this far below the level of the track is empty: cut off rather than dull.
EMPTY_DB = -50.0
# What is this much softer than the loudest third says nothing of the level.
SILENT_DB = 80.0


def outside_db(thirds: Floats) -> Floats:
    """How far each third of a spectrum `(thirds,)`, in powers, lies above (+) or below (-) the spread; 0 within it."""
    if not thirds[LEVEL_THIRDS].any():
        return np.zeros(THIRDS)
    levels_db = 10 * np.log10(thirds + 1e-30)
    heard_db = levels_db[LEVEL_THIRDS]
    levels_db -= heard_db[heard_db > heard_db.max() - SILENT_DB].mean()
    judged = slice(FIRST_THIRD, FIRST_THIRD + len(MEANS_DB))
    off_db = levels_db[judged] - np.array(MEANS_DB)
    beyond = np.maximum(np.abs(off_db) - EDGE * np.array(SPREADS_DB), 0)
    outside = np.zeros(THIRDS)
    outside[judged] = np.where(levels_db[judged] > EMPTY_DB, np.sign(off_db) * beyond, 0)
    return outside

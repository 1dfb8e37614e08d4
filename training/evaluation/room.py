"""How much disk an evaluation takes, estimated before anything is measured: rather too much than too little."""

from rebounce.training.evaluation.group_page import MOST_SOUND_BYTES
from rebounce.training.evaluation.run import Plan, trials_of
from rebounce.training.evaluation.systems import systems_of

SAMPLE_BYTES = 3
"""FLAC of 24 bits takes less, float WAV, for what is beyond full scale, 4."""

HEARD_BYTES = 2 * 4 / 3
"""A sample of 16 bits as text in a page."""

PICTURE_BYTES = 100_000
"""A spectrogram of two minutes of noise, the largest there is: 97 kB."""

SCORE_BYTES = 250
"""One number in `scores.csv` and in `evaluation.json`."""


def room_needed(plan: Plan, kept: int) -> int:
    """The bytes of all files with so many items kept of each group."""
    trials = trials_of(plan)
    # The clean audio is a version too, and the input of the systems.
    systems = len(systems_of(plan.bench)) + 1
    seconds = plan.bench.seconds
    samples = max(min(track.frames, round(seconds * track.sample_rate_hz)) * track.channels for track in plan.tracks)
    pages = 0
    for group in {trial.group for trial in trials}:
        items = min(kept, sum(trial.group == group for trial in trials))
        versions = items * systems
        sound = min(versions * samples * HEARD_BYTES, MOST_SOUND_BYTES)
        pages += round(sound + versions * (samples * SAMPLE_BYTES + PICTURE_BYTES * (1 + 4 / 3)))
    return pages + len(trials) * systems * len(plan.bench.scores) * SCORE_BYTES

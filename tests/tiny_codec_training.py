"""A codec so small that it learns in a second or two, on music that it can learn."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from commands import write

from rebounce.training.codec_corpus import Corpus, corpus_of
from rebounce.training.codec_records import Records
from rebounce.training.codec_run import Run
from rebounce.training.codec_settings import CodecTraining
from rebounce.training.codec_training import LEVEL_FLOOR, train_codec
from rebounce.training.codec_validation import validation_windows
from rebounce.training.networks.light_codec import CodecSize
from rebounce.training.tracks import find_tracks

RATE_HZ = 48_000
SIZE = CodecSize(filters=4, dimension=8, ratios=(4, 2), codebooks=3, codebook_size=16)
SETTINGS = CodecTraining(
    steps=40,
    mono_steps=15,
    plain_steps=25,
    batch=4,
    crop_tokens=256,
    level_tokens=512,
    learning_rate=1e-2,
    warm_up_steps=5,
    cluster_vectors=2000,
    validate_every_steps=10,
    validation_windows=2,
    log_every_steps=7,
    save_every_steps=5,
)
WINDOW_FRAMES = SETTINGS.level_tokens * SIZE.hop_frames


def chords(folder: Path, count: int = 3, seconds: float = 1.0) -> Path:
    """Tracks of three steady tones each, as WAV files."""
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    for number in range(count):
        tones = [np.sin(2 * np.pi * 110 * (number + 1) * (part + 1) * times) * 0.3 / (part + 1) for part in range(3)]
        both = np.stack([sum(tones), 0.7 * tones[0] + tones[1]]).astype(np.float32)
        write(folder / f"chord {number}.wav", both, rate_hz=RATE_HZ)
    return folder


def chord_corpus(folder: Path) -> Corpus:
    """The chords as a corpus; made once in a folder."""
    found = find_tracks([chords(folder / "music")])
    return corpus_of(found.tracks, lambda track: "CC0", folder / "music.corpus", RATE_HZ)


def tiny_run(corpus: Corpus, folder: Path, settings: CodecTraining = SETTINGS) -> Run:
    """A run at its beginning."""
    return Run(
        settings=settings, size=SIZE, folder=folder, music_sha256=corpus.music_sha256, device=torch.device("cpu")
    )


def records_of(run: Run, corpus: Corpus, say: Callable[[str], None] = lambda text: None) -> Records:
    """The records of a run that is validated on what it learns from: it shows that it learns."""
    count = run.settings.validation_windows
    windows = validation_windows(corpus, count, WINDOW_FRAMES, LEVEL_FLOOR) if count else None
    return Records(run, windows, RATE_HZ, say)


def train_to(run: Run, corpus: Corpus, step: int) -> None:
    """Train a run up to a step, as one that was made to stop there: the rate is that of the whole training."""

    class Reached(Exception):
        """The step is done."""

    def stop(after: Run) -> None:
        if after.step == step:
            raise Reached

    try:
        train_codec(run, corpus, records_of(run, corpus), stop)
    except Reached:
        return


def with_settings(**changes: float) -> CodecTraining:
    """The settings with some of them changed."""
    return replace(SETTINGS, **changes)  # type: ignore[arg-type]

"""A codec trained as a config says: music is found and read, a run begun or gone on with.

In the folder: `last.pt`, the checkpoint that `rebounce export` takes; `log.csv` and `validation.csv`; `data-card.md`;
and `music.corpus`, the music as it is read, which may be deleted.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rebounce.engine.errors import UsageError
from rebounce.presets.training_config import TrainingConfig
from rebounce.training.codec_card import data_card, licences_in, write_data_card
from rebounce.training.codec_corpus import CHANNELS, Corpus, corpus_of
from rebounce.training.codec_records import Records
from rebounce.training.codec_run import CHECKPOINT_NAME, Run, resume
from rebounce.training.codec_settings import CodecTraining, settings_of
from rebounce.training.codec_training import LEVEL_FLOOR, train_codec
from rebounce.training.codec_validation import validation_windows
from rebounce.training.networks.light_codec import SAMPLE_RATE_HZ, SIZES
from rebounce.training.tracks import Track, find_tracks, frames_at, split_of

CORPUS_NAME, CARD_NAME = "music.corpus", "data-card.md"
LEARNED, HELD_OUT, EVERY = ("train",), ("validation",), ("train", "validation", "test")

Say = Callable[[str], None]


def train_codec_from(
    config: TrainingConfig,
    *,
    device: str | torch.device = "cpu",
    is_resumed: bool = False,
    say: Say = lambda text: None,
    on_step: Callable[[int, int, str], None] = lambda step, steps, label: None,
) -> Path:
    """Train to the end, and return the checkpoint.

    `say` is told whole sentences, `on_step` after each step its number, how many there are, and a few words.
    """
    settings, folder = settings_of(config), Path(config.output)
    _check_beginning(folder / CHECKPOINT_NAME, is_resumed)
    corpus = _corpus(config, settings, say)
    learned = corpus.of_splits(*(LEARNED if settings.is_held_out else EVERY))
    held_out = _held_out(corpus, settings, _window_frames(config, settings))
    run = Run(
        settings=settings,
        size=SIZES[config.size],
        folder=folder,
        music_sha256=learned.music_sha256,
        device=torch.device(device),
        data_card=data_card(learned),
    )
    if is_resumed:
        resume(run)
        say(f"going on after step {run.step} of {settings.steps}")
    write_data_card(run.data_card, folder / CARD_NAME)
    records = Records(run, held_out, corpus.sample_rate_hz, say)
    say(f"{len(learned.tracks)} of {len(corpus.tracks)} tracks to learn from, on {run.device}")
    train_codec(run, learned, records, lambda after: on_step(after.step, settings.steps, _label(after)))
    return folder / CHECKPOINT_NAME


def _check_beginning(checkpoint: Path, is_resumed: bool) -> None:
    if is_resumed and not checkpoint.exists():
        raise UsageError(f"{checkpoint}: expected a checkpoint to go on from, found none; leave --resume out to begin")
    if checkpoint.exists() and not is_resumed:
        raise UsageError(
            f"{checkpoint}: a training is there already; go on with it with --resume, or name another output"
        )


def _corpus(config: TrainingConfig, settings: CodecTraining, say: Say) -> Corpus:
    folders = config.music or ()
    found = find_tracks(folders)
    for sentence in (*found.problems, *found.copies):
        say(sentence)
    usable = [track for track in found.tracks if track.channels <= CHANNELS]
    for track in found.tracks:
        if track.channels > CHANNELS:
            say(f"{track.path}: {track.channels} channels, expected mono or stereo; left out")
    if not usable:
        raise UsageError(f"music: expected tracks to learn from in {', '.join(folders)}, found none that can be used")
    # Before hours of music are read for nothing.
    _check_enough(usable, settings, _window_frames(config, settings))
    # By content, so that the training stays the same when files are moved or renamed.
    ordered = sorted(usable, key=lambda track: track.sha256)
    return corpus_of(ordered, licences_in(folders), Path(config.output) / CORPUS_NAME, SAMPLE_RATE_HZ, say)


def _window_frames(config: TrainingConfig, settings: CodecTraining) -> int:
    return settings.level_tokens * SIZES[config.size].hop_frames


def _check_enough(tracks: Sequence[Track], settings: CodecTraining, frames: int) -> None:
    """Raise a UsageError unless there is a track of at least so many frames for everything."""
    purposes = {"learn from": LEARNED, "validate with": HELD_OUT} if settings.is_held_out else {"learn from": EVERY}
    for purpose, splits in purposes.items():
        there = [track for track in tracks if split_of(track.sha256) in splits]
        if not any(frames_at(track, SAMPLE_RATE_HZ) >= frames for track in there):
            advice = ""
            if settings.is_held_out:
                advice = (
                    "; tracks fall to training, validation or test by their content, 8, 1 and 1 of 10: name more, "
                    "or set validation_windows = 0 under [codec_training] to learn from all of it"
                )
            raise UsageError(
                f"music: expected a track of {frames / SAMPLE_RATE_HZ:.1f} s or more to {purpose}, found none among "
                f"{len(there)} of {len(tracks)} tracks{advice}"
            )


def _held_out(corpus: Corpus, settings: CodecTraining, frames: int) -> NDArray[np.float32] | None:
    """The windows that a codec is judged by; None where nothing is held out."""
    if not settings.is_held_out:
        return None
    return validation_windows(corpus.of_splits(*HELD_OUT), settings.validation_windows, frames, LEVEL_FLOOR)


def _label(run: Run) -> str:
    """What a progress bar says: the stage, and the newest round trip, where there is one."""
    trip = run.validation.get("si_sdr_db_quantised", run.validation.get("si_sdr_db_unquantised"))
    return f"{run.stage}, step {run.step}" + ("" if trip is None else f", round trip {trip:.2f} dB")

"""A codec trained as a config says: music is found and read, a run begun or gone on with.

In the folder: `last.pt`, the checkpoint that `rebounce export` takes; `log.csv` and `validation.csv`; `data-card.md`;
and `music.corpus`, the music as it is read, which may be deleted.
"""

from collections.abc import Callable
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
from rebounce.training.tracks import Track, find_tracks

CORPUS_NAME, CARD_NAME = "music.corpus", "data-card.md"

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
    corpus = _corpus(config, say)
    learned, held_out = _parted(corpus, settings, SIZES[config.size].hop_frames)
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


def _corpus(config: TrainingConfig, say: Say) -> Corpus:
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
    return corpus_of(_ordered(usable), licences_in(folders), Path(config.output) / CORPUS_NAME, SAMPLE_RATE_HZ, say)


def _ordered(tracks: list[Track]) -> list[Track]:
    """By content, so that the training stays the same when files are moved or renamed."""
    return sorted(tracks, key=lambda track: track.sha256)


def _parted(corpus: Corpus, settings: CodecTraining, hop_frames: int) -> tuple[Corpus, NDArray[np.float32] | None]:
    """What is learned from, and the windows that it is judged by, of other tracks."""
    frames = settings.level_tokens * hop_frames
    if not settings.is_held_out:
        return _long_enough(corpus, frames, "learn from"), None
    learned = _long_enough(corpus.of_splits("train"), frames, "learn from")
    held_out = _long_enough(corpus.of_splits("validation"), frames, "validate with")
    return learned, validation_windows(held_out, settings.validation_windows, frames, LEVEL_FLOOR)


def _long_enough(corpus: Corpus, frames: int, purpose: str) -> Corpus:
    if not corpus.is_long_enough(frames):
        seconds = frames / corpus.sample_rate_hz
        raise UsageError(
            f"music: expected a track of {seconds:.1f} s or more to {purpose}, found none of {len(corpus.tracks)}; "
            "every track falls to training, validation or test by its content, 8 of 10 to training: name more music, "
            "or set validation_windows = 0 under [codec_training] to learn from all of it"
        )
    return corpus


def _label(run: Run) -> str:
    """What a progress bar says: the stage, and the newest round trip, where there is one."""
    trip = run.validation.get("si_sdr_db_quantised", run.validation.get("si_sdr_db_unquantised"))
    return f"{run.stage}, step {run.step}" + ("" if trip is None else f", round trip {trip:.2f} dB")

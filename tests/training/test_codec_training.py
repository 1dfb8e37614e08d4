"""The loop that trains a codec: what it draws, what it learns, and what it does about numbers that are none."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_codec_training import (
    SETTINGS,
    SIZE,
    WINDOW_FRAMES,
    chord_corpus,
    records_of,
    tiny_run,
    train_to,
    with_settings,
)
from torch import Tensor
from torch_threads import threads

from rebounce.engine.errors import TrainingError
from rebounce.training.codec_corpus import Corpus
from rebounce.training.codec_run import Run
from rebounce.training.codec_training import MOST_BAD_STEPS, draw_batch, train_codec


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return chord_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def done(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[str]]:
    """A training from beginning to end, and what was told of it."""
    told: list[str] = []
    run = tiny_run(corpus, tmp_path_factory.mktemp("done"))
    with threads(1):
        train_codec(run, corpus, records_of(run, corpus, told.append))
    return run, told


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_batch_depends_on_the_seed_and_the_step_alone(corpus: Corpus, tmp_path: Path) -> None:
    run, other = tiny_run(corpus, tmp_path), tiny_run(corpus, tmp_path, with_settings(seed=1))
    first = draw_batch(run, corpus)
    assert first.shape == (SETTINGS.batch, 2, SETTINGS.crop_tokens * SIZE.hop_frames)
    torch.rand(3)
    np.random.default_rng(0).random()
    assert torch.equal(draw_batch(run, corpus), first)
    assert not torch.equal(draw_batch(other, corpus), first)
    run.step = 1
    assert not torch.equal(draw_batch(run, corpus), first)


def test_pieces_are_cut_from_windows_of_level_1_with_sides_and_sign_changed_at_times(
    corpus: Corpus, tmp_path: Path
) -> None:
    run = tiny_run(corpus, tmp_path, with_settings(crop_tokens=SETTINGS.level_tokens, batch=40))
    batch = draw_batch(run, corpus)
    assert batch.shape[2] == WINDOW_FRAMES
    assert torch.allclose(batch.square().mean(dim=(1, 2)).sqrt(), torch.ones(40), atol=1e-4)
    # The left side of a chord has three tones, the right two with more of the lowest.
    is_swapped = batch[:, 0].square().mean(dim=1) < batch[:, 1].square().mean(dim=1)
    assert 5 < int(is_swapped.sum()) < 35


def test_the_round_trip_gets_better_and_the_codes_are_used(done: tuple[Run, list[str]]) -> None:
    run, told = done
    first, *_, last = table(run.folder / "validation.csv")
    assert float(last["si_sdr_db_unquantised"]) > float(first["si_sdr_db_unquantised"]) + 2
    assert float(last["si_sdr_db_quantised"]) > 4
    assert float(last["mid_snr_db"]) > 5
    assert float(last["side_snr_db"]) > 1.5
    assert float(last["log_spectral_distance_db_quantised"]) < float(first["log_spectral_distance_db_unquantised"]) - 1
    assert run.validation["si_sdr_db_quantised"] == float(last["si_sdr_db_quantised"])
    assert min(float(last[f"perplexity_{book}"]) for book in (1, 2, 3)) > 8
    assert first["perplexity_1"] == first["used_1"] == first["si_sdr_db_quantised"] == ""  # no codes yet
    assert told[0].startswith("step 10 of 40: without tokens SI-SDR ")
    assert told[-1].startswith("step 40 of 40: with tokens SI-SDR ")
    assert told[-1].endswith("codes")


def test_the_log_has_the_means_of_all_steps(done: tuple[Run, list[str]]) -> None:
    rows = table(done[0].folder / "log.csv")
    assert [int(row["step"]) for row in rows] == [7, 14, 21, 28, 35, 40]
    assert float(rows[-1]["waveform"]) < 0.75 * float(rows[0]["waveform"])
    assert float(rows[-1]["spectral"]) < 0.8 * float(rows[0]["spectral"])
    assert [float(row["commitment"]) > 0 for row in rows] == [False] * 3 + [True] * 3
    assert all(float(row["bad_steps"]) == 0 for row in rows)
    for row in rows:
        step = int(row["step"]) - 1
        along = 0.5 * (1 + math.cos(math.pi * step / SETTINGS.steps))
        assert float(row["learning_rate"]) == pytest.approx(SETTINGS.learning_rate * (0.01 + 0.99 * along), rel=1e-9)


def test_the_rate_rises_first(corpus: Corpus, tmp_path: Path) -> None:
    run = tiny_run(corpus, tmp_path, with_settings(validation_windows=0, warm_up_steps=10))
    rates = []

    def note(after: Run) -> None:
        rates.append(after.optimiser.param_groups[0]["lr"])
        assert type(rates[-1]) is float  # or no checkpoint could be read again
        after.step = SETTINGS.steps if after.step == 3 else after.step

    with threads(1):
        train_codec(run, corpus, records_of(run, corpus), note)
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(SETTINGS.learning_rate / 10, rel=1e-3)


def test_codebooks_begin_where_the_encoder_is(corpus: Corpus, tmp_path: Path) -> None:
    run = tiny_run(corpus, tmp_path, with_settings(validation_windows=0))
    with threads(1):
        train_to(run, corpus, SETTINGS.plain_steps)
        before = run.model.codebooks().clone()
        train_to(run, corpus, SETTINGS.plain_steps + 1)
        with torch.no_grad():
            latents = run.model.encoder(draw_batch(run, corpus))
            kept = run.model.quantiser.decode(run.model.quantiser.encode(latents))
    assert not torch.equal(run.model.codebooks(), before)
    # Three books of 16 codes tell most of what there is; those that they began with told nothing of it.
    assert float((latents - kept).square().mean() / latents.square().mean()) < 0.2


def test_a_step_without_numbers_is_told_and_nothing_is_learned_from_it(corpus: Corpus, tmp_path: Path) -> None:
    run = tiny_run(
        corpus, tmp_path, with_settings(validation_windows=0, steps=6, mono_steps=0, plain_steps=2, log_every_steps=6)
    )
    weight = next(run.model.decoder.parameters())
    told: list[str] = []
    kept: dict[int, Tensor] = {}

    def note(after: Run) -> None:
        kept[after.step] = weight.detach().clone()
        if after.step == 3:
            hook.append(weight.register_hook(lambda gradient: gradient * math.nan))  # type: ignore[no-untyped-call]
        if after.step == 4:
            hook.pop().remove()

    hook: list[torch.utils.hooks.RemovableHandle] = []
    with threads(1):
        train_codec(run, corpus, records_of(run, corpus, told.append), note)
    assert told[0].startswith("step 4: the gradient is no number")
    assert torch.equal(kept[3], kept[4])
    assert not torch.equal(kept[4], kept[5])
    (row,) = table(tmp_path / "log.csv")
    assert float(row["bad_steps"]) == 1
    assert math.isfinite(float(row["waveform"]))
    assert run.bad_steps_in_a_row == 0


def test_numbers_that_do_not_come_back_end_the_training_and_leave_the_codebooks_alone(
    corpus: Corpus, tmp_path: Path
) -> None:
    run = tiny_run(corpus, tmp_path, with_settings(validation_windows=0, mono_steps=0, plain_steps=2, dead_share=0))
    told: list[str] = []
    books: list[Tensor] = []

    def break_down(after: Run) -> None:
        if after.step == 5:
            with torch.no_grad():
                next(after.model.encoder.parameters()).fill_(math.nan)
            books.append(after.model.codebooks().clone())

    with threads(1), pytest.raises(TrainingError, match=r"step 25: the gradient was no number 20 times in a row"):
        train_codec(run, corpus, records_of(run, corpus, told.append), break_down)
    assert sum("no number" in sentence for sentence in told) == MOST_BAD_STEPS
    assert torch.equal(run.model.codebooks(), books[0])
    assert bool(torch.isfinite(run.model.codebooks()).all())

"""The progress of a training: plain values that come back as what they were."""

from dataclasses import replace
from pathlib import Path

import torch

from rebounce.training.trainer.recovery import BatchSize, Rate
from rebounce.training.trainer.state import Best, Progress, StageResult

RESULT = StageResult(
    name="0",
    epochs=3,
    steps=12,
    reason="all its epochs are done",
    start_loss=2.0,
    last_loss=1.0,
    best=Best(epoch=2, loss=0.9),
    yardstick=1.5,
)


def test_progress_comes_back_from_a_file_as_it_was(tmp_path: Path) -> None:
    progress = Progress(
        batch=BatchSize(windows=4, most=8), rate=Rate(factor=0.5, rollbacks=1), stage=1, epoch=2, windows=8, step=20,
        first_step=12, summed=100, sums={"loss": 3.5}, seconds=0.25, start_loss=1.5, training=[1.4], validation=[1.3],
        best=Best(epoch=1, loss=1.3), finished=[RESULT], events=["step 3: x"], rows={"steps.csv": 20},
    )  # fmt: skip
    torch.save(progress.as_table(), tmp_path / "a.pt")
    assert Progress.from_table(torch.load(tmp_path / "a.pt", weights_only=True)) == progress
    fresh = Progress(batch=BatchSize(windows=4, most=8))
    assert Progress.from_table(fresh.as_table()) == fresh


def test_the_scores_of_an_epoch_are_means_over_tokens() -> None:
    progress = Progress(batch=BatchSize(windows=4, most=8))
    progress.end_step(4, {"loss": 1.0, "token": 2.0}, tokens=10, seconds=0.5)
    progress.end_step(2, {"loss": 4.0, "token": 5.0}, tokens=30, seconds=0.25)
    assert progress.epoch_scores() == {"loss": 3.25, "token": 4.25}
    assert (progress.step, progress.windows, progress.seconds) == (2, 6, 0.75)
    progress.rate = Rate(factor=0.25, rollbacks=2)
    progress.end_epoch()
    assert (progress.epoch, progress.windows, progress.sums, progress.summed) == (1, 0, {}, 0)
    assert progress.rate == Rate(factor=0.25, rollbacks=0)


def test_a_stage_begins_with_nothing_of_the_one_before_but_the_count_of_steps() -> None:
    progress = Progress(
        batch=BatchSize(windows=4, most=8), rate=Rate(factor=0.5), epoch=3, step=12, start_loss=2.0,
        training=[1.0], validation=[1.0], best=Best(epoch=2, loss=0.9),
    )  # fmt: skip
    progress.end_stage(RESULT)
    expected = Progress(batch=BatchSize(windows=4, most=8), stage=1, step=12, first_step=12, finished=[RESULT])
    assert progress == expected


def test_the_best_of_all_stages_is_that_of_the_common_yardstick() -> None:
    progress = Progress(batch=BatchSize(windows=4, most=8))
    assert progress.best_overall() is None
    progress.finished = [RESULT, replace(RESULT, name="1", yardstick=1.2), replace(RESULT, name="2", yardstick=1.3)]
    best = progress.best_overall()
    assert best is not None
    assert best.name == "1"

"""One whole curriculum of eight stages at its tiny size, and the same one killed again and again on the way.

Slower than other tests, as it trains: about half a minute on a core that has nothing else to do.
"""

import csv
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from commands import rebounce, start, wait_until
from shift_making import Heard, tiny_config, write_shifts
from tiny_packages import tiny_codec_package
from torch_threads import threads

from rebounce.engine.codec_models import codec_id_of
from rebounce.presets.training_config import TrainingConfig
from rebounce.presets.training_file import format_training
from rebounce.training.checkpoint import read_checkpoint
from rebounce.training.losses.registry import LOSSES
from rebounce.training.trainer.codec_side import open_codec_side
from rebounce.training.trainer.loop import train
from rebounce.training.trainer.opening import Wish, open_training
from rebounce.training.trainer.training import Training

KILLED_AFTER = (13, 142)
"""Steps: within an epoch of stage 0, and of stage 2, where dropout draws and the codec listens."""
UNTIL = "2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles of a codec, and the codec's package."""
    home = tmp_path_factory.mktemp("curriculum")
    with threads(1):
        package = tiny_codec_package(home / "codec")
    write_shifts(home / "bundles", codec_id=codec_id_of(package))
    return home


def config_of(folder: Path, name: str) -> TrainingConfig:
    """The tiny curriculum with a checkpoint in the middle of every epoch."""
    config = tiny_config(folder / "bundles", folder / name, codec=str(folder / "codec"))
    return replace(config, keep=replace(config.keep, every_steps=5))


@pytest.fixture(scope="module")
def whole(folder: Path) -> Iterator[Training]:
    """All eight stages without any trouble."""
    with threads(1):
        config = config_of(folder, "whole")
        training = open_training(
            config,
            lambda codebooks: open_codec_side(str(folder / "codec"), None, codebooks),
            Wish(device="cpu"),
            Heard(),
        )
        train(training, len(config.stages) - 1)
        yield training


def rows(training: Training, name: str) -> list[dict[str, str]]:
    with open(training.folder.path / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_no_stage_ends_more_than_a_hundredth_above_where_it_began(whole: Training) -> None:
    results = whole.progress.finished
    assert [result.name for result in results] == [stage.name for stage in whole.config.stages]
    rises = {result.name: result.last_loss / result.start_loss for result in results}
    assert {name: rise for name, rise in rises.items() if rise > 1.01} == {}


def test_after_the_first_damage_the_network_beats_copying(whole: Training) -> None:
    scores = read_checkpoint(whole.folder.stage_best("1"))["validation"]
    # Half of the codebooks are shifted, and none of that is left to copy.
    assert scores["copy_accuracy"] == pytest.approx(0.5, abs=0.01)
    assert scores["accuracy"] > 0.9


def test_every_loss_was_trained_on_and_is_written_down(whole: Training) -> None:
    last = rows(whole, "epochs.csv")[-1]
    assert {name for name in LOSSES if not last[f"training.{name}"] or not last[f"validation.{name}"]} == set()


def test_the_best_of_all_is_one_of_the_stages_best(whole: Training) -> None:
    best = whole.progress.best_overall()
    assert best is not None
    assert best.yardstick == min(result.yardstick for result in whole.progress.finished)
    assert whole.folder.best.read_bytes() == whole.folder.stage_best(best.name).read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="kills with a POSIX signal")
def test_a_training_that_is_killed_at_any_time_comes_to_the_same_numbers(whole: Training, folder: Path) -> None:
    config = config_of(folder, "killed")
    path = folder / "killed.toml"
    path.write_text(format_training(config), encoding="utf-8")
    command = ("train", path, "--until-stage", UNTIL, "--threads", 1, "--device", "cpu", "--resume", "-q")
    steps = Path(config.output, "steps.csv")
    for count in KILLED_AFTER:
        with start(*command) as process:
            wait_until(lambda count=count: steps.exists() and steps.read_bytes().count(b"\n") > count, process)  # type: ignore[misc]
            process.kill()
    done = rebounce(*command)
    assert (done.code, done.err) == (0, "")
    finished = [result.name for result in whole.progress.finished]
    for stage in finished[: finished.index(UNTIL) + 1]:
        one, other = (
            read_checkpoint(Path(home, "stages", f"{stage}.pt")) for home in (whole.config.output, config.output)
        )
        assert one["validation"] == other["validation"]
        assert all(torch.equal(tensor, other["model"][name]) for name, tensor in one["model"].items()), stage
    for name, times in (("epochs.csv", ["seconds"]), ("steps.csv", ["windows_per_second"])):
        with open(Path(config.output, name), encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        expected = rows(whole, name)[: len(found)]
        assert len(found) > 10
        assert [{**row, **dict.fromkeys(times)} for row in found] == [
            {**row, **dict.fromkeys(times)} for row in expected
        ]

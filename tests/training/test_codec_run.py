"""A training that was cut off: what its checkpoint holds, what it goes on to, and what it refuses."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_codec_training import chord_corpus, records_of, tiny_run, train_to, with_settings
from torch_threads import threads

from rebounce.engine.errors import CheckpointError, UsageError
from rebounce.training.checkpoint import read_checkpoint, write_checkpoint
from rebounce.training.codec_corpus import Corpus
from rebounce.training.codec_run import resume, save_run
from rebounce.training.codec_training import train_codec

# Trains in its folder and says each step, so that it can be killed at any.
CHILD = """
import sys
from pathlib import Path
import torch
from tiny_codec_training import chord_corpus, records_of, tiny_run
from rebounce.training.codec_training import train_codec
torch.set_num_threads(1)
folder = Path(sys.argv[1])
corpus = chord_corpus(folder)
run = tiny_run(corpus, folder)
train_codec(run, corpus, records_of(run, corpus), lambda after: print(after.step, flush=True))
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return chord_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def whole(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    run = tiny_run(corpus, folder)
    with threads(1):
        train_codec(run, corpus, records_of(run, corpus))
    return folder


def without_seconds(path: Path) -> list[list[str]]:
    rows = [line.split(",") for line in path.read_text().splitlines()]
    place = rows[0].index("seconds") if "seconds" in rows[0] else len(rows[0])
    return [row[:place] + row[place + 1 :] for row in rows]


def assert_same(left: Any, right: Any, where: str = "checkpoint") -> None:
    """Bit by bit, but for what a clock said."""
    if isinstance(left, torch.Tensor):
        assert torch.equal(left, right), where
    elif isinstance(left, dict):
        assert list(left) == list(right), where
        for key in left:
            if key != "seconds":
                assert_same(left[key], right[key], f"{where}: {key}")
    elif isinstance(left, list | tuple):
        for number, (one, two) in enumerate(zip(left, right, strict=True)):
            assert_same(one, two, f"{where}: {number}")
    else:
        assert left == right, where


# With half a codec, at the step after which it is made whole, and after the codebooks are set.
@pytest.mark.parametrize("step", [8, 15, 33])
def test_killed_at_any_step_it_goes_on_to_the_same_numbers(whole: Path, tmp_path: Path, step: int) -> None:
    path = [str(Path(__file__).parent.parent), *sys.path]
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", CHILD, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": os.pathsep.join(path)},
    )
    with child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.strip() == str(step):
                child.send_signal(signal.SIGKILL)
                break
    assert child.returncode == -signal.SIGKILL
    corpus = chord_corpus(tmp_path)
    run = tiny_run(corpus, tmp_path)
    resume(run)
    assert step // 5 * 5 <= run.step  # it may have come further before the signal did
    with threads(1):
        train_codec(run, corpus, records_of(run, corpus))
    assert_same(read_checkpoint(tmp_path / "last.pt"), read_checkpoint(whole / "last.pt"))
    assert (tmp_path / "validation.csv").read_bytes() == (whole / "validation.csv").read_bytes()
    assert without_seconds(tmp_path / "log.csv") == without_seconds(whole / "log.csv")


def test_a_checkpoint_says_what_it_holds(whole: Path) -> None:
    state = read_checkpoint(whole / "last.pt")
    assert (state["kind"], state["stage"], state["step"]) == ("light-codec", "quantised", 40)
    assert state["size"] == {
        "filters": 4,
        "dimension": 8,
        "ratios": [4, 2],
        "codebooks": 3,
        "codebook_size": 16,
        "channels": 2,
    }
    assert state["shape"] == {"codebooks": 3, "codebook_size": 16, "latent_dimension": 8, "window_tokens": 512}
    assert state["config"]["plain_steps"] == 25
    assert state["validation"]["si_sdr_db_quantised"] > 0


def test_a_finished_training_has_nothing_left_to_do(whole: Path, corpus: Corpus) -> None:
    run = tiny_run(corpus, whole)
    resume(run)
    before = (whole / "last.pt").read_bytes()
    train_codec(run, corpus, records_of(run, corpus))
    assert (whole / "last.pt").read_bytes() == before


def test_another_training_is_not_gone_on_with(corpus: Corpus, tmp_path: Path) -> None:
    run = tiny_run(corpus, tmp_path)
    with threads(1):
        train_to(run, corpus, 2)
    save_run(run)
    other = tiny_run(corpus, tmp_path, with_settings(batch=6))
    with pytest.raises(UsageError, match="found batch = 6 instead of 4; put them back, or name another output"):
        resume(other)
    elsewhere = tiny_run(corpus, tmp_path)
    elsewhere.music_sha256 = "other"
    with pytest.raises(UsageError, match="found other music"):
        resume(elsewhere)
    rarer = tiny_run(corpus, tmp_path, with_settings(save_every_steps=30))
    resume(rarer)
    assert rarer.step == 2


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "token-unet"}, r"expected a checkpoint of a codec \(light-codec\), found token-unet"),
        ({"optimiser": None}, "expected 'optimiser' to go on from, found none; this checkpoint can be exported only"),
        ({"size": {"filters": 16}}, "found another size"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(
    corpus: Corpus, tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    run = tiny_run(corpus, tmp_path)
    save_run(run)
    state = {**read_checkpoint(tmp_path / "last.pt"), **changes}
    write_checkpoint(tmp_path / "last.pt", {key: value for key, value in state.items() if value is not None})
    with pytest.raises((CheckpointError, UsageError), match=told):
        resume(run)


def test_a_checkpoint_of_another_schema_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    torch.save({"schema": "another", "model": {}}, tmp_path / "last.pt")
    with pytest.raises(CheckpointError, match="expected a checkpoint of the schema 'rebounce-checkpoint-1'"):
        resume(tiny_run(corpus, tmp_path))


def test_the_weights_of_a_checkpoint_are_those_of_the_run(corpus: Corpus, tmp_path: Path) -> None:
    run = tiny_run(corpus, tmp_path)
    with threads(1):
        train_to(run, corpus, 1)
    save_run(run)
    again = tiny_run(corpus, tmp_path, run.settings)
    with torch.no_grad():
        for weight in again.model.parameters():
            weight.zero_()
    resume(again)
    assert_same(dict(again.model.state_dict()), dict(run.model.state_dict()))

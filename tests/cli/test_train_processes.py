"""`torchrun` with two processes on the CPU: they train one network together, and one of them writes."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import DEADLINE_S, files_below
from shift_making import write_shifts
from tiny_packages import tiny_codec_package
from torch_threads import threads

from rebounce.engine.codec_models import codec_id_of
from rebounce.training.checkpoint import read_checkpoint


@pytest.mark.skipif(sys.platform != "linux", reason="torch's gloo comes with its wheels for Linux")
def test_two_processes_share_the_windows_of_an_epoch(tmp_path: Path) -> None:
    with threads(1):
        package = tiny_codec_package(tmp_path / "codec")
    # Three items for two processes: one of them comes twice.
    write_shifts(tmp_path / "bundles", 3, codec_id=codec_id_of(package))
    options = ["--bundles", "bundles", "--codec", "codec", "-o", "run", "--until-stage", "0", "--device", "cpu"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, "-m", "rebounce", "train", "tiny", *options],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("stage 0 ends after 3 epochs") == 1
    facts = json.loads((tmp_path / "run/run.json").read_text())
    assert (facts["processes"], facts["device"]) == (2, "cpu")
    with open(tmp_path / "run/steps.csv", encoding="utf-8", newline="") as file:
        steps = list(csv.DictReader(file))
    # Eight windows an epoch in each process: two at a time in the first epoch, four in those after it.
    assert [row["windows"] for row in steps] == ["2", "4", "6", "8", *2 * ["4", "8"]]
    assert read_checkpoint(tmp_path / "run/best.pt")["step"] == 8
    assert [name for name in files_below(tmp_path / "run") if name.endswith(".part")] == []

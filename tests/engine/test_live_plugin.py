"""A plugin that pedalboard itself has loaded goes into a board as it is, and is not saved."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
import numpy as np, pedalboard
from rebounce import Board
from rebounce.engine.errors import ChainError

live = pedalboard.load_plugin(sys.argv[1])
audio = np.random.default_rng(0).normal(0, 0.2, (2, 48001)).astype(np.float32)
expected = pedalboard.Pedalboard([live])(audio, 44100)
board = Board([live])
assert board[0] is live
whole = board(audio, 44100)
assert whole.shape == audio.shape, whole.shape
assert np.abs(whole - expected).max() <= 1e-6
parts = [board.process(part, 44100, reset=False) for part in np.array_split(audio, 7, axis=1)]
assert np.array_equal(np.concatenate([*parts, board.flush()], axis=1), whole)
try:
    board.save("chain.toml")
except ChainError as problem:
    print(problem)
"""


def test_it_runs_in_process_and_save_names_the_line_to_write(zam_folder: Path, tmp_path: Path) -> None:
    # In a process of its own: what a plugin does to the process that hosts it stays there.
    call = [sys.executable, "-c", SCRIPT, str(zam_folder / "ZaMaximX2.vst3")]
    run = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert 'write Vst3("' in run.stdout
    assert not (tmp_path / "chain.toml").exists()

"""Progress of the watch folder, on a real terminal."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from watch_service import slow_chain, tone_file

pty = pytest.importorskip("pty")  # not on Windows

SHOWN = re.compile(r"(\d+)%.*?(\d+:\d\d:\d\d).*?Mix\.wav")


def told_on_a_terminal(folder: Path, *options: object) -> str:
    """What a run says to somebody who looks on."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "rebounce", "watch", folder, "--once", "--settle", "0.1", *options]
    with subprocess.Popen(
        [str(word) for word in words],
        stderr=theirs,
        stdout=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "200"},
    ) as process:
        os.close(theirs)
        said = b"".join(_read_all(ours))
        assert process.wait() == 0, said
    os.close(ours)
    return said.decode()


def _read_all(end: int) -> list[bytes]:
    read = []
    while True:
        try:
            read.append(os.read(end, 1 << 16))
        except OSError:  # there is nobody at the other end any more
            return read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Bounces").mkdir()
    (tmp_path / "Bounces/Mix.wav").write_bytes(tone_file(1, seconds=60))
    return tmp_path / "Bounces"


def test_a_file_in_work_has_a_bar_with_an_eta_and_lines_stand_apart_from_it(folder: Path) -> None:
    said = told_on_a_terminal(folder, "--preset", slow_chain(folder.parent), "--json")
    percents = [int(match[1]) for match in SHOWN.finditer(said)]
    assert percents == sorted(percents)
    assert any(0 < percent < 100 for percent in percents)
    lines = [line.rpartition("\x1b[?25h")[2].strip() for line in said.splitlines()]
    assert "rebounce: Mix.wav: restored -> Restored/Mix.wav" in lines
    assert any(line.startswith('{"input": ') and line.endswith("}") for line in lines)


def test_who_wants_quiet_gets_no_bar(folder: Path) -> None:
    assert told_on_a_terminal(folder, "--preset", slow_chain(folder.parent), "-q") == ""

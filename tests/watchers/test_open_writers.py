import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rebounce.watchers.open_writers import has_writer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")

# Opens the file for writing over and over, while the other process asks: the lease is broken again and again.
WRITER = "import os, sys\nfor _ in range(30_000):\n    os.close(os.open(sys.argv[1], os.O_WRONLY))\nprint('done')"
ASKER = """
import sys, threading
from pathlib import Path
from rebounce.watchers.open_writers import has_writer
is_over = threading.Event()
answers = set()
def ask():
    while not is_over.is_set():
        answers.add(has_writer(Path(sys.argv[1])))
threads = [threading.Thread(target=ask) for _ in range(2)]
for thread in threads:
    thread.start()
print("asking", flush=True)
sys.stdin.read()
is_over.set()
for thread in threads:
    thread.join()
print(*sorted(answers))
"""


@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND])
def test_an_open_writer_is_seen_until_it_closes(tmp_path: Path, flags: int) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(b"RIFF")
    assert not has_writer(path)
    descriptor = os.open(path, flags)
    assert has_writer(path)
    assert has_writer(path)
    os.close(descriptor)
    assert not has_writer(path)


def test_a_reader_is_no_writer(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(b"RIFF")
    with open(path, "rb"):
        assert not has_writer(path)


def test_a_writer_of_another_process_is_seen_and_so_is_one_that_mapped_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(bytes(100))
    script = "import sys; file = open(sys.argv[1], 'r+b'); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert has_writer(path)
        process.communicate("")
    assert not has_writer(path)
    with open(path, "r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
    assert has_writer(path)
    mapped.close()
    assert not has_writer(path)


def test_a_file_that_is_gone_is_the_callers_to_know_and_a_pipe_or_folder_has_no_writer(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        has_writer(tmp_path / "gone.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    assert not has_writer(tmp_path / "pipe.wav")
    assert not has_writer(tmp_path)


def test_neither_asking_nor_writing_suffers_when_both_happen_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(b"RIFF")
    with subprocess.Popen(
        [sys.executable, "-c", ASKER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as asker:
        assert asker.stdout is not None
        asker.stdout.readline()
        writer = subprocess.run([sys.executable, "-c", WRITER, path], capture_output=True, text=True, check=True)
        assert writer.stdout == "done\n"
        answers, _ = asker.communicate("")
    assert asker.returncode == 0
    assert answers.split() == ["False", "True"]

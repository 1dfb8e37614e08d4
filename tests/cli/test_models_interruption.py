"""`rebounce models pull` killed, interrupted, out of room, twice at once: a package is there whole, or as it was."""

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commands import Outcome, interrupt, outcome, rebounce, rebounce_many, start, wait_until
from small_packages import contents, small_package, tar
from web_serving import Site, body, serving, silence

from rebounce.engine.model_package import ModelPackage, load_package, write_manifest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sends POSIX signals and moves the user's folder")

SOON_S = 10.0
MORE_BYTES = 60_000_000


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data/rebounce/models"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    """A package that takes a moment to unpack."""
    package = small_package(tmp_path_factory.mktemp("made") / "large", name="large")
    for number in range(4):
        (package.folder / f"{number}.bin").write_bytes(np.random.default_rng(number).bytes(MORE_BYTES // 4))
    return write_manifest(package.folder, package.manifest)


@pytest.fixture(scope="module")
def archive(large: ModelPackage) -> Path:
    return tar(large.folder.parent / "large.tar.gz", contents(large.folder))


@pytest.fixture
def site(archive: Path) -> Iterator[Site]:
    """A server that stops in the middle of one copy of the archive and gives another whole."""
    data, stop = archive.read_bytes(), threading.Event()
    with serving({"/stops": silence(stop, data[: len(data) // 2], len(data)), "/whole": body(data)}) as site:
        yield site
        stop.set()


def _seen(own: Path) -> list[str]:
    """What anybody but the next pull would see."""
    return sorted(path.name for path in own.iterdir() if not path.name.startswith(".")) if own.exists() else []


def _check_interrupted(done: Outcome, seconds: float, own: Path) -> None:
    assert (done.code, seconds < SOON_S) == (130, True)
    assert done.err.strip() == "rebounce: interrupted; nothing half-written was left behind"
    assert list(own.iterdir()) == []


def _size(path: Path) -> int:
    return (
        sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else path.stat().st_size
    )


def _is_written(own: Path, size: int) -> bool:
    """True once so much lies in hidden places."""
    try:
        return sum(_size(path) for path in own.glob(".*")) >= size
    except FileNotFoundError:
        return False


def test_a_kill_in_the_middle_of_a_download_leaves_nothing_to_be_seen_and_the_next_pull_clears_up(
    own: Path, site: Site, large: ModelPackage
) -> None:
    with start("models", "pull", f"{site.address}/stops", "--allow-http") as process:
        wait_until(lambda: _is_written(own, MORE_BYTES // 8), process)
        interrupt(process, signal.SIGKILL)
    assert _seen(own) == []
    assert list(own.iterdir()) != []
    assert rebounce("models", "pull", f"{site.address}/whole", "--allow-http").code == 0
    assert [path.name for path in own.iterdir()] == ["large"]
    assert load_package(own / "large").id == large.id


def test_ctrl_c_in_the_middle_of_a_download_ends_soon_and_leaves_nothing(own: Path, site: Site) -> None:
    with start("models", "pull", f"{site.address}/stops", "--allow-http") as process:
        wait_until(lambda: _is_written(own, MORE_BYTES // 8), process)
        done, seconds = interrupt(process, signal.SIGINT)
    _check_interrupted(done, seconds, own)


def test_a_second_pull_waits_for_no_one_and_disturbs_nothing(own: Path, site: Site, archive: Path) -> None:
    with start("models", "pull", f"{site.address}/stops", "--allow-http") as process:
        wait_until(lambda: _is_written(own, MORE_BYTES // 8), process)
        second = rebounce("models", "pull", archive)
        assert second.code == 1
        assert f"{own}: another rebounce pulls a model right now; wait for it" in second.err
        assert _is_written(own, MORE_BYTES // 8)
        done, seconds = interrupt(process, signal.SIGTERM)
    _check_interrupted(done, seconds, own)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_package_stays_as_it_was_when_the_pull_that_would_replace_it_is_stopped(
    own: Path, archive: Path, large: ModelPackage, number: signal.Signals
) -> None:
    old = small_package(own / "large", name="large")
    with start("models", "pull", archive, "--force") as process:
        wait_until(lambda: _is_written(own, MORE_BYTES // 8), process)
        done, _ = interrupt(process, number)
    assert done.code in (130, -signal.SIGKILL)
    assert _seen(own) == ["large"]
    assert load_package(own / "large") == old
    if number == signal.SIGTERM:
        assert [path.name for path in own.iterdir()] == ["large"]
    assert rebounce("models", "pull", archive, "--force").code == 0
    assert [path.name for path in own.iterdir()] == ["large"]
    assert load_package(own / "large").id == large.id


def test_a_kill_between_taking_the_old_away_and_putting_the_new_there_is_mended_by_the_next_pull(
    own: Path, tmp_path: Path
) -> None:
    old = small_package(own / ".warm.rebounce.old", name="warm")
    new = small_package(tmp_path / "new", name="warm", weight=2.0)
    (own / ".~unpacked.rebounce.part").mkdir()
    (own / ".~download.rebounce.part").write_bytes(b"half")
    refused, forced = rebounce_many([["models", "pull", new.folder], ["models", "pull", new.folder, "--force"]])
    assert (refused.code, forced.code) == (1, 0)
    assert f"a model of that name is there already, {old.id}" in refused.err
    assert load_package(own / "warm").id == new.id
    assert [path.name for path in own.iterdir()] == ["warm"]


@pytest.fixture
def small_disk(own: Path) -> Iterator[Path]:
    own.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={MORE_BYTES * 5 // 4 // 1024}k", "tmpfs", str(own)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root on Linux can mount a small disk")
    yield own
    subprocess.run(["umount", str(own)], check=True)


def test_a_disk_without_room_is_told_and_left_as_it_was(
    small_disk: Path, site: Site, archive: Path, tmp_path: Path
) -> None:
    old = small_package(small_disk / "large", name="large")
    before = contents(small_disk)
    # The archive has room, and what is in it has not; with a filler not even the archive.
    full, fuller = (_pull_beside(small_disk, filler, site) for filler in (0, MORE_BYTES // 3))
    for done in (full, fuller):
        assert (done.code, done.out) == (1, "")
        assert "the disk is full" in done.err
        assert "free some space or choose a folder on another disk" in done.err
    assert contents(small_disk) == before
    assert load_package(small_disk / "large") == old


def _pull_beside(disk: Path, filler_bytes: int, site: Site) -> Outcome:
    filler = disk / "filler"
    filler.write_bytes(bytes(filler_bytes))
    with start("models", "pull", f"{site.address}/whole", "--allow-http", "--force") as process:
        out, err = process.communicate()
    filler.unlink()
    return outcome(process.returncode, out, err)

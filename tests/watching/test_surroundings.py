"""What may go wrong around the service: disks that fill, shares that vanish, folders that cannot be written to."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from commands import parts
from killing_service import HOLD, KILL_ALL, Deed
from mounting import make_read_only, mount_again, mount_memory, own_mounts, unmount
from watch_expectations import by_chain, delivered, faults
from watch_service import Ground, files_below, gain_chain, make_ground, slow_chain, tone_file

from rebounce.watchers.steps import AFTER, BEFORE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux does")

FIRST, SECOND, THIRD = tone_file(1), tone_file(2), tone_file(3)


@pytest.fixture(autouse=True)
def _mounts() -> Iterator[None]:
    with own_mounts():
        yield


def fill(disk: Path) -> Path:
    """Leave no room on a disk, on which others write meanwhile."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1 << 16)):
            pass
    return filler


# -- a full disk


def test_a_disk_that_fills_while_a_result_is_written_is_waited_for(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    chain = slow_chain(tmp_path)
    ground.configure(preset=str(chain))
    disk = mount_memory(ground.root / "Restored", megabytes=16)
    content = tone_file(1, seconds=20)
    ground.drop("a.wav", content)
    with ground.start() as service:
        service.wait_until(lambda: any(part.stat().st_size > 4096 for part in parts(disk)))
        filler = fill(disk)
        service.wait_for_word("a.wav: waits: ")
        assert parts(disk) == []
        assert files_below(disk) == ["filler"]
        filler.unlink()
        service.wait_until(lambda: ground.count_finished() == 1)
        service.stop()
    assert faults(ground, delivered({"a.wav": [content]}, by_chain(chain))) == []


@pytest.mark.parametrize("at", ["ledger.start", "ledger.identify", "delivery.stage", "ledger.plan", "delivery.publish"])
def test_where_not_even_the_ledger_has_room_nothing_is_lost(tmp_path: Path, at: str) -> None:
    """One small disk with everything on it; filled, and freed, at one moment of the work."""
    ground = make_ground(tmp_path / "ground")
    mount_memory(ground.root, megabytes=8)
    (ground.root / "a.wav").write_bytes(FIRST)
    go = tmp_path / "go"
    role = "parent" if at == "ledger.start" else "worker"
    with ground.start(deeds=[Deed(at=at, when=BEFORE, what=HOLD, role=role, path=str(go))]) as service:
        service.wait_until(lambda: ground.undone() == [])
        filler = fill(ground.root)
        go.touch()
        # It says so: the bounce waits, or there is trouble.
        service.wait_until(lambda: "the disk" in service.said.partition("started")[2] or "full" in service.said)
        filler.unlink()
        service.wait_until(lambda: ground.count_finished() == 1)
        service.stop()
    assert faults(ground, delivered({"a.wav": [FIRST]})) == []


# -- a share that goes and comes


class Share:
    """A folder on a disk of its own, seen where it is watched as long as it is mounted there."""

    def __init__(self, base: Path) -> None:
        self.ground = make_ground(base / "ground", share=True, poll_s=0.2)
        self.server = mount_memory(base / "server", megabytes=64)
        self.come()

    def come(self) -> None:
        mount_again(self.server, self.ground.root)

    def go(self) -> None:
        unmount(self.ground.root)

    def has_finished(self, bounces: int) -> bool:
        """To the last step of each, after which nothing of it is held."""
        claims = self.server / ".rebounce/claims"
        return self.ground.count_finished() == bounces and not list(claims.iterdir())

    def drop(self, path: str, content: bytes) -> None:
        """As another machine does it."""
        hand = self.server.parent / "hand"
        hand.write_bytes(content)
        shutil.copyfile(hand, self.server / f"{path}.tmp")
        os.replace(self.server / f"{path}.tmp", self.server / path)


@pytest.fixture
def share(tmp_path: Path) -> Share:
    return Share(tmp_path)


def test_a_share_that_vanishes_is_waited_for(share: Share) -> None:
    share.drop("a.wav", FIRST)
    with share.ground.start() as service:
        service.wait_until(lambda: share.has_finished(1))
        share.go()
        service.wait_for_word("the folder is gone or unmounted")
        share.drop("b.wav", SECOND)
        assert list(share.ground.root.iterdir()) == []
        share.come()
        service.wait_for_word("the folder is there again")
        service.wait_until(lambda: share.has_finished(2))
        service.stop()
    assert faults(share.ground, delivered({"a.wav": [FIRST], "b.wav": [SECOND]})) == []


@pytest.mark.parametrize(
    "at", ["ledger.identify", "delivery.restore", "delivery.stage", "ledger.plan", "delivery.publish", "ledger.finish"]
)
def test_a_share_that_vanishes_during_work_loses_nothing(share: Share, tmp_path: Path, at: str) -> None:
    share.drop("a.wav", FIRST)
    go = tmp_path / "go"
    with share.ground.start(deeds=[Deed(at=at, when=BEFORE, what=HOLD, path=str(go))]) as service:
        service.wait_until(lambda: share.ground.undone() == [])
        share.go()
        go.touch()
        service.wait_for_word("the folder is gone or unmounted")
        assert list(share.ground.root.iterdir()) == []
        share.come()
        service.wait_until((share.server / "Done/a.wav").exists)
        service.wait_until(lambda: all(bounce.owner is None for bounce in share.ground.bounces()))
        service.stop()
    share.ground.finish()
    assert faults(share.ground, delivered({"a.wav": [FIRST]})) == []


@pytest.mark.parametrize("at", ["", "delivery.restore", "ledger.finish"])
def test_a_disk_that_is_unmounted_and_mounted_again_is_served_on(tmp_path: Path, at: str) -> None:
    """A disk of this machine's own, with the ledger on it: in peace, and while something is worked on."""
    ground = make_ground(tmp_path / "ground")
    disk = mount_memory(tmp_path / "disk", megabytes=64)
    mount_again(disk, ground.root)
    go = tmp_path / "go"
    deeds = [Deed(at=at, when=BEFORE, what=HOLD, path=str(go))] if at else []
    (disk / "a.wav").write_bytes(FIRST)
    with ground.start(deeds=deeds) as service:
        service.wait_until(lambda: ground.undone() == [] if at else ground.count_finished() == 1)
        unmount(ground.root)
        go.touch()
        service.wait_for_word("waiting until it is there again")
        assert list(ground.root.iterdir()) == []
        (disk / "b.wav").write_bytes(SECOND)
        mount_again(disk, ground.root)
        service.wait_for_word("the folder is there again")
        service.wait_until(lambda: ground.count_finished() == 2)
        service.stop()
    assert ground.ledgers == [ground.root / ".rebounce/ledger.sqlite"]
    assert faults(ground, delivered({"a.wav": [FIRST], "b.wav": [SECOND]})) == []


def test_a_folder_that_is_removed_and_made_again_is_served_on(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    ground.drop("a.wav", FIRST)
    with ground.start() as service:
        service.wait_until((ground.root / "Done/a.wav").exists)
        shutil.rmtree(ground.root)
        service.wait_for_word("the folder is gone or unmounted")
        ground.root.mkdir()
        service.wait_for_word("the folder is there again")
        ground.drop("b.wav", SECOND)
        service.wait_until((ground.root / "Done/b.wav").exists)
        service.wait_until(lambda: ground.count_finished() == 1)
        service.stop()
    assert faults(ground, delivered({"b.wav": [SECOND]})) == []


# -- a folder that cannot be written to


def read_only_ground(tmp_path: Path, **settings: object) -> tuple[Ground, Path]:
    """A watched folder that can be made read-only, and another way into it."""
    ground = make_ground(tmp_path / "ground", poll=True, poll_s=0.2, **settings)
    server = tmp_path / "server"
    server.mkdir()
    mount_again(server, ground.root)
    return ground, server


def test_a_read_only_folder_is_told_plainly_before_anything_is_begun(tmp_path: Path) -> None:
    ground, server = read_only_ground(tmp_path)
    (server / "a.wav").write_bytes(FIRST)
    make_read_only(ground.root)
    with ground.start() as service:
        assert service.wait() == 1
        (line,) = service.said.splitlines()
    assert f"{ground.root}: the folder cannot be written to (Read-only file system)" in line
    assert files_below(server) == ["a.wav"]


def test_a_share_that_turns_read_only_is_waited_for(tmp_path: Path) -> None:
    ground, server = read_only_ground(tmp_path, share=True)
    (server / "a.wav").write_bytes(FIRST)
    with ground.start() as service:
        service.wait_until(lambda: ground.count_finished() == 1)
        make_read_only(ground.root)
        (server / "b.wav").write_bytes(SECOND)
        service.wait_for_word("ead-only")
        make_read_only(ground.root, False)
        service.wait_until(lambda: ground.count_finished() == 2)
        service.stop()
    assert faults(ground, delivered({"a.wav": [FIRST], "b.wav": [SECOND]})) == []


@pytest.mark.parametrize("name", ["Restored", "Done", "Errors"])
def test_a_folder_of_ours_that_turns_read_only_is_waited_for(tmp_path: Path, name: str) -> None:
    ground = make_ground(tmp_path / "ground")
    mount_memory(ground.root / name, megabytes=8)
    contents = {"a.wav": [FIRST], "b.wav": [SECOND]}
    failing = {"c.wav": [b"no audio " * 100]}
    with ground.start() as service:
        service.wait_for_word("watching")
        make_read_only(ground.root / name)
        for path, (content,) in (contents | failing).items():
            ground.drop(path, content)
        service.wait_for_word("ead-only")
        make_read_only(ground.root / name, False)
        service.wait_until(lambda: ground.count_finished() == 3)
        service.stop()
    assert faults(ground, delivered(contents, failed=failing)) == []


# -- originals on another disk


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_originals_go_to_another_disk_too(tmp_path: Path, when: str) -> None:
    ground = make_ground(tmp_path)
    chain = gain_chain(tmp_path)
    ground.configure(preset=str(chain))
    mount_memory(ground.root / "Done", megabytes=16)
    for content in (FIRST, SECOND):
        ground.drop("Album/a.wav", content)
        ground.run("--once", deeds=[Deed(at="delivery.original", when=when, what=KILL_ALL)])
        ground.finish()
    assert ground.undone() == []
    assert faults(ground, delivered({"Album/a.wav": [FIRST, SECOND]}, by_chain(chain))) == []

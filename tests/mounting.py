"""File systems of a test's own, in a mount namespace that nobody else sees and that goes with the test."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rebounce.watchers import file_systems

CLONE_NEWNS = 0x00020000
NAMESPACE = "/proc/thread-self/ns/mnt"


@contextmanager
def own_mounts() -> Iterator[None]:
    """What this thread and what it starts mount in the block is theirs alone, and is gone after it.

    Where that is not allowed the test is skipped; with REBOUNCE_REQUIRE_NAMESPACES=1 it fails.
    """
    here = Path.cwd()
    with _namespace() as before:
        try:
            yield
        finally:
            _call("setns", before, CLONE_NEWNS)
            os.chdir(here)


@contextmanager
def _namespace() -> Iterator[int]:
    """Leave the common namespace; gives what leads back to it."""
    if sys.platform != "linux":
        pytest.skip("mount namespaces are Linux's")
    before = os.open(NAMESPACE, os.O_RDONLY)
    try:
        _call("unshare", CLONE_NEWNS)
        _run("mount", "--make-rprivate", "/")
    except OSError as problem:
        os.close(before)
        if os.environ.get("REBOUNCE_REQUIRE_NAMESPACES") == "1":
            pytest.fail(f"a mount namespace cannot be had ({problem}); run the tests as root, or with unshare -rm")
        pytest.skip(f"needs mount namespaces ({problem}): run the tests as root, or with unshare -rm")
    try:
        yield before
    finally:
        os.close(before)


def mount_memory(point: Path, megabytes: float) -> Path:
    """A file system in memory of that size."""
    point.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={int(megabytes * 1024)}k", "tmpfs", point)
    return point


def mount_again(source: Path, point: Path) -> Path:
    """What lies at one place seen at another too, as a share is."""
    point.mkdir(parents=True, exist_ok=True)
    _run("mount", "--bind", source, point)
    return point


def unmount(point: Path) -> None:
    """At once, whatever is open there, as a share goes."""
    _run("umount", "--lazy", point)


def make_read_only(point: Path, is_read_only: bool = True) -> None:
    """For those who come through this mount, even while files are open for writing."""
    _run("mount", "-o", f"remount,bind,{'ro' if is_read_only else 'rw'}", point)


@contextmanager
def counted_as_share(point: Path, table: Path) -> Iterator[None]:
    """Within the block this process reads of a share at that place in the system's table of mounts, which is written to
    `table` with one line more; a real share needs a server."""
    line = f"9999 1 0:99 / {os.path.realpath(point)} rw - nfs4 server:/export rw\n"
    table.write_bytes(file_systems.MOUNT_TABLE.read_bytes() + os.fsencode(line))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_systems, "MOUNT_TABLE", table)
        yield


def _call(name: str, *arguments: int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _run(*call: object) -> None:
    done = subprocess.run([str(word) for word in call], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.returncode, done.stderr.strip())

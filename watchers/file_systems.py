"""Where a folder lies: on a share, which tells of no changes made elsewhere and holds no ledger, or on a disk; and how
much room is left there.

Linux is asked by its mount table, macOS by `mount`, Windows by the kind of the drive. The last two were never run on
such a system: only what they do with texts is tested.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Network file systems of the kernels, and those of a cluster on a disk that several machines see.
_OF_NETWORKS = (
    *("nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "afpfs", "coda", "ceph", "9p"),
    *(
        "glusterfs",
        "lustre",
        "gpfs",
        "beegfs",
        "orangefs",
        "pvfs2",
        "ocfs2",
        "gfs2",
        "davfs",
        "davfs2",
        "webdav",
        "ftp",
    ),
)
# Folders of a host, as a guest or a container sees them.
_OF_HOSTS = ("virtiofs", "vboxsf", "vmhgfs", "prl_fs", "drvfs", "osxfs")
_IN_USER_SPACE = (
    *("sshfs", "rclone", "s3fs", "goofys", "gcsfuse", "blobfuse", "blobfuse2", "juicefs", "mfs", "glusterfs", "ceph"),
    *("ceph-fuse", "curlftpfs", "smbnetfs", "davfs", "davfs2", "gvfsd-fuse", "vmhgfs-fuse", "prl_fsd", "grpcfuse"),
    *("osxfs", "onedriver", "google-drive-ocamlfuse"),
)
SHARE_TYPES = frozenset((*_OF_NETWORKS, *_OF_HOSTS, *(f"fuse.{name}" for name in _IN_USER_SPACE)))
MOUNT_TABLE = Path("/proc/self/mountinfo")
DRIVE_REMOTE = 4
MOUNT_TIMEOUT_S = 10

_ESCAPE = re.compile(r"\\([0-7]{3})")
_MACOS_MOUNT = re.compile(r"(?P<source>.*?) on (?P<point>/.*) \((?P<kind>[^,()]+)(?:,[^()]*)?\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One line of a mount table: where a file system hangs, and of which kind it is."""

    point: str
    kind: str


def is_share(path: Path) -> bool:
    """Whether a folder lies on a file system that other machines, or the host of this one, change as well."""
    real = os.path.realpath(path)
    if sys.platform == "win32":
        return is_unc(real) or _is_remote_drive(real)
    return kind_at(real, _mounts()) in SHARE_TYPES


def free_bytes(path: Path) -> int:
    """The room left for us on the disk of a path, of which the last parts need not be there yet.

    OSError where the disk cannot be asked, as a share that is gone.
    """
    real = Path(os.path.realpath(path))
    # os.path and not Path: a folder that may not be looked into is "not there", and no exception.
    folder = next(one for one in (real, *real.parents) if os.path.isdir(one))
    return shutil.disk_usage(folder).free


def kind_at(real: str, mounts: Iterable[Mount]) -> str:
    """The kind of the file system at a real path: that of the deepest mount above it, and of the last one put there."""
    found = Mount(point="", kind="")
    for mount in mounts:
        inside = mount.point if mount.point.endswith("/") else mount.point + "/"
        if (real + "/").startswith(inside) and len(mount.point) >= len(found.point):
            found = mount
    return found.kind


def linux_mounts(table: str) -> list[Mount]:
    """The mounts in the text of /proc/self/mountinfo, where spaces in names are written as \\040."""
    mounts = []
    for line in table.split("\n"):
        fields = line.split(" ")
        # Behind the sixth field come any number of others, then a dash, then the kind.
        if "-" in fields[6:-1]:
            kind = fields[fields.index("-", 6) + 1]
            mounts.append(Mount(point=_ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4]), kind=kind))
    return mounts


def macos_mounts(table: str) -> list[Mount]:
    """The mounts in what `mount` prints on macOS: SOURCE on POINT (KIND, more)."""
    found = (_MACOS_MOUNT.fullmatch(line) for line in table.split("\n"))
    return [Mount(point=match["point"], kind=match["kind"].strip()) for match in found if match]


def is_unc(real: str) -> bool:
    """Whether a path of Windows names a server: \\\\server\\share, or the long form \\\\?\\UNC\\server\\share."""
    plain = real.replace("/", "\\").upper()
    return plain.startswith("\\\\?\\UNC\\") or (plain.startswith("\\\\") and plain[2:4] not in ("?\\", ".\\"))


def _mounts() -> list[Mount]:
    """What is mounted; nothing where that cannot be found out, which counts as a disk."""
    try:
        if sys.platform == "darwin":
            run = subprocess.run(["/sbin/mount"], capture_output=True, timeout=MOUNT_TIMEOUT_S, check=True)
            return macos_mounts(os.fsdecode(run.stdout))
        return linux_mounts(os.fsdecode(MOUNT_TABLE.read_bytes()))
    except (OSError, subprocess.SubprocessError):
        return []


def _is_remote_drive(real: str) -> bool:
    if sys.platform != "win32":
        return False
    import ctypes

    root = os.path.splitdrive(real)[0] + "\\"
    return bool(ctypes.windll.kernel32.GetDriveTypeW(root) == DRIVE_REMOTE)

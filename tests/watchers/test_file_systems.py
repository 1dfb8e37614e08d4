"""Where a folder lies, read from the tables of three systems, and how much room there is."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from rebounce.watchers.file_systems import (
    MOUNT_TABLE,
    SHARE_TYPES,
    Mount,
    free_bytes,
    is_share,
    is_unc,
    kind_at,
    linux_mounts,
    macos_mounts,
)

LINUX = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 27 0:45 / /mnt/nas rw,relatime shared:45 - cifs //nas/music rw,vers=3.1.1
31 27 0:46 / /mnt/nas\040of\040the\040studio rw shared:46 master:1 - nfs4 10.0.0.2:/a\040b rw
32 30 0:47 / /mnt/nas/scratch rw - tmpfs tmpfs rw
33 27 0:48 / /mnt/remote rw - fuse.sshfs me@host:/music rw,user_id=0
34 27 0:49 / /mnt/a\134b\011c rw - 9p host rw
35 27 0:50 / /mnt/twice rw - nfs host:/x rw
36 27 0:51 / /mnt/twice rw - ext4 /dev/vdb rw

half a line
"""
MACOS = """/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
devfs on /dev (devfs, local, nobrowse)
map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)
//me@nas._smb._tcp.local/Music on /Volumes/Music (smbfs, nodev, nosuid, mounted by me)
//me@nas/Old Takes on /Volumes/Old Takes (2019) (afpfs)
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/me/Bounces", "ext4"),
        ("/mnt", "ext4"),
        ("/mnt/nas", "cifs"),
        ("/mnt/nas/Bounces", "cifs"),
        ("/mnt/nas2", "ext4"),
        ("/mnt/nas of the studio/Bounces", "nfs4"),
        ("/mnt/nas/scratch/x", "tmpfs"),
        ("/mnt/remote", "fuse.sshfs"),
        ("/mnt/a\\b\tc/x", "9p"),
        ("/mnt/twice/x", "ext4"),
    ],
)
def test_the_deepest_and_last_mount_of_linux_says_where_a_folder_lies(path: str, kind: str) -> None:
    assert kind_at(path, linux_mounts(LINUX)) == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/Users/me/Bounces", "apfs"),
        ("/System/Volumes/Data/home/x", "autofs"),
        ("/Volumes/Music/Bounces", "smbfs"),
        ("/Volumes/Old Takes (2019)", "afpfs"),
        ("/Volumes/Musical", "apfs"),
    ],
)
def test_what_mount_prints_on_macos_says_where_a_folder_lies(path: str, kind: str) -> None:
    assert kind_at(path, macos_mounts(MACOS)) == kind


def test_where_nothing_is_known_to_be_mounted_there_is_no_kind() -> None:
    assert kind_at("/x", []) == ""
    assert kind_at("/x", [Mount(point="/y", kind="nfs")]) == ""
    assert linux_mounts("no table at all\n") == macos_mounts("no table at all\n") == []


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "fuse.sshfs"])
def test_what_other_machines_write_to_is_a_share(kind: str) -> None:
    assert kind in SHARE_TYPES


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "apfs", "exfat", "fuseblk", ""])
def test_a_disk_of_this_machine_is_no_share(kind: str) -> None:
    assert kind not in SHARE_TYPES


@pytest.mark.parametrize(
    ("path", "is_server"),
    [
        (r"\\nas\music\Bounces", True),
        ("//nas/music", True),
        (r"\\?\UNC\nas\music", True),
        (r"\\?\C:\Bounces", False),
        (r"\\.\PhysicalDrive0", False),
        (r"C:\Bounces", False),
    ],
)
def test_a_path_of_windows_that_names_a_server_is_told_from_others(path: str, is_server: bool) -> None:
    assert is_unc(path) is is_server


@pytest.mark.skipif(sys.platform != "linux", reason="reads the mount table of Linux")
def test_every_mount_of_this_system_is_asked_through_its_table(tmp_path: Path) -> None:
    table = linux_mounts(os.fsdecode(MOUNT_TABLE.read_bytes()))
    assert "/" in [mount.point for mount in table]
    link = tmp_path / "link"
    for mount in table:
        if os.path.isdir(mount.point) and os.path.realpath(mount.point) == mount.point:
            link.symlink_to(mount.point)
            assert is_share(Path(mount.point)) == is_share(link) == (kind_at(mount.point, table) in SHARE_TYPES)
            link.unlink()


def test_the_room_is_that_of_the_nearest_folder_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    assert 0 < free_bytes(tmp_path / "file") <= shutil.disk_usage(tmp_path).total
    assert 0 < free_bytes(tmp_path / "not" / "there") <= shutil.disk_usage(tmp_path).total


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system that never has room, /proc")
def test_the_room_is_that_of_the_disk_that_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/proc")
    assert free_bytes(tmp_path / "link" / "not-there") == 0

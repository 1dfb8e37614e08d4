import errno
import multiprocessing
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from rebounce.engine.errors import OutputError, UnreadableFile
from rebounce.engine.staging import Keeping, Staged, check_room, copy_unchanged, output_errors, part_path

POSIX = pytest.mark.skipif(os.name != "posix", reason="modes, groups and links as POSIX has them")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_seen_under_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    with Staged(tmp_path / "mix.wav") as staged:
        staged.file.write(b"half")
        assert names(tmp_path) == [".mix.wav.rebounce.part"]
        staged.file.write(b" and half")
        staged.publish()
    assert names(tmp_path) == ["mix.wav"]
    assert (tmp_path / "mix.wav").read_bytes() == b"half and half"


@pytest.mark.parametrize("problem", [KeyboardInterrupt, SystemExit, OutputError])
def test_nothing_is_left_of_a_file_that_was_not_published(tmp_path: Path, problem: type[BaseException]) -> None:
    def write() -> None:
        with Staged(tmp_path / "mix.wav") as staged:
            staged.file.write(b"half")
            raise problem

    with pytest.raises(problem):
        write()
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["x.wav", "a" * 246 + ".wav", "ü" * 123 + ".wav", "音" * 80 + ".flac", "with spaces and 'quotes'.wav"]
)
def test_any_name_that_a_file_may_have_can_be_staged(tmp_path: Path, name: str) -> None:
    assert len(os.fsencode(part_path(tmp_path / name).name)) <= 255
    with Staged(tmp_path / name) as staged:
        assert staged.path.name.startswith(".")
        assert staged.path.name.endswith(".rebounce.part")
        staged.publish()
    assert names(tmp_path) == [name]


def test_long_names_that_begin_alike_are_staged_apart(tmp_path: Path) -> None:
    first, second = (part_path(tmp_path / f"{'a' * 245}{letter}.wav") for letter in "xy")
    assert first != second
    assert part_path(tmp_path / f"{'a' * 245}x.wav") == first


def test_a_file_that_is_there_is_an_error_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "mix.wav").write_bytes(b"precious")
    with pytest.raises(OutputError, match="--force"):
        Staged(tmp_path / "mix.wav")
    assert names(tmp_path) == ["mix.wav"]


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, has_links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_links:
        monkeypatch.setattr(os, "link", _no_links)
    with Staged(tmp_path / "mix.wav") as staged:
        staged.file.write(b"ours")
        (tmp_path / "mix.wav").write_bytes(b"precious")
        with pytest.raises(OutputError, match="--force"):
            staged.publish()
    assert names(tmp_path) == ["mix.wav"]
    assert (tmp_path / "mix.wav").read_bytes() == b"precious"


def _no_links(source: Path, target: Path) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")  # as exFAT says


def test_a_file_system_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", _no_links)
    with Staged(tmp_path / "mix.wav") as staged:
        staged.file.write(b"ours")
        staged.publish()
    assert names(tmp_path) == ["mix.wav"]
    assert (tmp_path / "mix.wav").read_bytes() == b"ours"


def test_a_file_is_replaced_when_that_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "mix.wav").write_bytes(b"old")
    with Staged(tmp_path / "mix.wav", replaces=True) as staged:
        staged.file.write(b"new")
        assert (tmp_path / "mix.wav").read_bytes() == b"old"
        staged.publish()
    assert (tmp_path / "mix.wav").read_bytes() == b"new"


def test_what_a_killed_run_left_behind_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".mix.wav.rebounce.part").write_bytes(b"much longer than what comes now")
    with Staged(tmp_path / "mix.wav") as staged:
        staged.file.write(b"new")
        staged.publish()
    assert names(tmp_path) == ["mix.wav"]
    assert (tmp_path / "mix.wav").read_bytes() == b"new"


def hold(target: Path, is_held: Event, is_over: Event) -> None:
    with Staged(target) as staged:
        staged.file.write(b"first")
        staged.file.flush()
        is_held.set()
        is_over.wait(60)
        staged.publish()


def test_two_processes_never_write_one_part(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    is_held, is_over = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path / "mix.wav", is_held, is_over))
    other.start()
    assert is_held.wait(60)
    with pytest.raises(OutputError, match="another rebounce is writing"):
        Staged(tmp_path / "mix.wav")
    is_over.set()
    other.join(60)
    assert other.exitcode == 0
    assert names(tmp_path) == ["mix.wav"]
    assert (tmp_path / "mix.wav").read_bytes() == b"first"


@POSIX
def test_the_mode_of_the_input_is_kept_and_nobody_reads_the_part_before(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    source.write_bytes(b"")
    for mode in (0o640, 0o444, 0o600):
        source.chmod(mode)
        with Staged(tmp_path / "out.wav", replaces=True, keeping=Keeping(source=source)) as staged:
            assert stat.S_IMODE(staged.path.stat().st_mode) == 0o600
            assert staged.publish() == []
        assert stat.S_IMODE((tmp_path / "out.wav").stat().st_mode) == mode


@POSIX
@pytest.mark.skipif(os.name == "posix" and os.getuid() != 0, reason="only root may give files to any group")
def test_the_group_of_the_input_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    source.write_bytes(b"")
    os.chown(source, -1, 12_345)
    with Staged(tmp_path / "out.wav", keeping=Keeping(source=source)) as staged:
        assert staged.publish() == []
    assert (tmp_path / "out.wav").stat().st_gid == 12_345


@POSIX
@pytest.mark.skipif(os.name == "posix" and os.getuid() != 0, reason="only root can become somebody else")
def test_a_group_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    source, folder = tmp_path / "in.wav", tmp_path / "out"
    source.write_bytes(b"content")
    os.chown(source, -1, 12_345)
    folder.mkdir()
    folder.chmod(0o777)
    for above in tmp_path.parents:
        if above.stat().st_uid == os.getuid() and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o055)
    tmp_path.chmod(0o755)
    script = (
        "import os, sys; from pathlib import Path; from rebounce.engine.staging import copy_unchanged\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "print(copy_unchanged(Path(sys.argv[1]), Path(sys.argv[2])))\n"
    )
    command = [sys.executable, "-c", script, str(source), str(folder / "x.wav")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "group (12345) could not be kept" in done.stdout
    assert (folder / "x.wav").read_bytes() == b"content"


@pytest.mark.parametrize("keeps", [True, False])
def test_the_time_of_the_input_is_kept_when_that_was_asked_for(tmp_path: Path, keeps: bool) -> None:
    source = tmp_path / "in.wav"
    source.write_bytes(b"content")
    os.utime(source, ns=(1_000_000_000_123_456_789, 1_000_000_000_123_456_789))
    copy_unchanged(source, tmp_path / "out.wav", keeps_mtime=keeps)
    assert ((tmp_path / "out.wav").stat().st_mtime_ns == 1_000_000_000_123_456_789) == keeps
    assert (tmp_path / "out.wav").read_bytes() == b"content"


def test_a_copy_of_a_file_that_is_not_there_is_an_error_about_the_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="cannot be read"):
        copy_unchanged(tmp_path / "in.wav", tmp_path / "out.wav")
    assert names(tmp_path) == []


@POSIX
def test_a_link_planted_in_place_of_the_part_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    part_path(tmp_path / "mix.wav").symlink_to(tmp_path / "precious")
    with pytest.raises(OutputError, match="cannot be written"):
        Staged(tmp_path / "mix.wav")
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_folders_that_are_missing_are_made(tmp_path: Path) -> None:
    (tmp_path / "in.wav").write_bytes(b"content")
    copy_unchanged(tmp_path / "in.wav", tmp_path / "a" / "b" / "out.wav")
    assert (tmp_path / "a" / "b" / "out.wav").read_bytes() == b"content"


def test_a_disk_without_room_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(OutputError, match=r"disk is full \(.* needed, .* free\)"):
        check_room(tmp_path / "not" / "there" / "x.wav", 2 * free)
    check_room(tmp_path / "x.wav", 1000)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root on Linux can mount a small disk")
    yield folder
    subprocess.run([shutil.which("umount") or "umount", str(folder)], check=True)


def test_a_disk_that_fills_up_is_an_error_that_names_it_and_leaves_nothing(small_disk: Path) -> None:
    def write() -> None:
        with Staged(small_disk / "mix.wav") as staged:
            for _ in range(100):
                with output_errors(staged.target):
                    staged.file.write(bytes(10_000))
                    staged.file.flush()

    with pytest.raises(OutputError, match=f"{small_disk}: the disk is full") as caught:
        write()
    assert "free some space" in str(caught.value)
    assert names(small_disk) == []


@POSIX
def test_a_folder_that_may_not_be_written_to_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        Staged(tmp_path / "file" / "mix.wav")

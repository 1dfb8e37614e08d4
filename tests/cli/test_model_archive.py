"""An archive is unpacked into its folder and nowhere else, into plain files, and as much as a package can be."""

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from small_packages import contents, tar, zipped

from rebounce import model_archive
from rebounce.engine.errors import ModelError
from rebounce.model_archive import unpack

FILES = {"manifest.toml": b"name", "golden/in.npz": bytes(range(256)) * 3000, "empty": b"", "über.onnx": b"weights"}
Pack = Callable[[Path, dict[str, bytes]], Path]
KINDS: list[tuple[str, Pack]] = [("a.zip", zipped), ("a.tar", tar), ("a.tar.gz", tar)]

all_kinds = pytest.mark.parametrize(("name", "pack"), KINDS, ids=[name for name, _ in KINDS])


@pytest.fixture
def room(tmp_path: Path) -> Path:
    (tmp_path / "room").mkdir()
    return tmp_path / "room"


def _refused(archive: Path, room: Path) -> str:
    outside = sorted(room.parent.rglob("*"))
    with pytest.raises(ModelError) as caught:
        unpack(archive, "the archive", room)
    assert [path for path in sorted(room.parent.rglob("*")) if not path.is_relative_to(room)] == [
        path for path in outside if not path.is_relative_to(room)
    ]
    assert str(caught.value).startswith("the archive: ")
    return str(caught.value)


@all_kinds
def test_every_file_comes_out_as_it_went_in_whatever_the_archive_is_called(
    tmp_path: Path, room: Path, name: str, pack: Pack
) -> None:
    archive = pack(tmp_path / name, FILES)
    unpack(archive.rename(tmp_path / "download"), "the archive", room)
    assert contents(room) == FILES


def test_an_archive_as_tar_makes_it_with_folders_and_dots_comes_out(tmp_path: Path, room: Path) -> None:
    source = tmp_path / "source"
    (source / "golden").mkdir(parents=True)
    for name, data in FILES.items():
        (source / name).write_bytes(data)
    for format in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "a.tar.gz", "w:gz", format=format) as archive:
            archive.add(source, ".")
        place = room / str(format)
        place.mkdir()
        unpack(tmp_path / "a.tar.gz", "the archive", place)
        assert contents(place) == FILES


@all_kinds
def test_what_systems_leave_behind_is_left_out(tmp_path: Path, room: Path, name: str, pack: Pack) -> None:
    junk = {name: b"x" for name in (".DS_Store", "__MACOSX/._manifest.toml", "a/Thumbs.db", "a/__pycache__/run.pyc")}
    unpack(pack(tmp_path / name, FILES | junk), "the archive", room)
    assert contents(room) == FILES


@all_kinds
@pytest.mark.parametrize(
    "evil",
    ["../evil", "a/../../evil", "/tmp/evil", "C:/evil", "..\\evil", "a/..", "con", "a:stream", "./../evil", "a\n"],
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, room: Path, name: str, pack: Pack, evil: str) -> None:
    told = _refused(pack(tmp_path / name, {"manifest.toml": b"", evil: b"evil"}), room)
    assert f"expected names of files inside the package, found {evil!r}; do not use this package" in told


@all_kinds
@pytest.mark.parametrize(
    ("first", "second"), [("run.py", "RUN.py"), ("stra\u00dfe", "strasse"), ("a", "a/b"), ("a/b", "A"), ("x/a", "X/b")]
)
def test_names_that_some_system_takes_for_one_are_refused(
    tmp_path: Path, room: Path, name: str, pack: Pack, first: str, second: str
) -> None:
    told = _refused(pack(tmp_path / name, {first: b"1", second: b"2"}), room)
    assert "expected names that no system takes for one, found " in told


def test_the_same_name_twice_is_refused(tmp_path: Path, room: Path) -> None:
    twice = tarfile.TarInfo("run.py")
    assert "found 'run.py' and 'run.py'" in _refused(tar(tmp_path / "a.tar", {"run.py": b"good"}, twice), room)
    with pytest.warns(UserWarning, match="Duplicate name"):
        zipped(tmp_path / "a.zip", {"run.py": b"good"}, [(zipfile.ZipInfo("run.py"), b"bad")])
    assert "found 'run.py' and 'run.py'" in _refused(tmp_path / "a.zip", room / "second")


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_links_devices_and_pipes_of_a_tar_are_refused(tmp_path: Path, room: Path, kind: bytes) -> None:
    odd = tarfile.TarInfo("odd")
    odd.type, odd.linkname = kind, "../outside"
    told = _refused(tar(tmp_path / "a.tar", {"run.py": b""}, odd), room)
    assert "expected plain files, found 'odd', a link or a device" in told


def test_writing_through_a_link_is_refused_at_the_link(tmp_path: Path, room: Path) -> None:
    (tmp_path / "outside").mkdir()
    link = tarfile.TarInfo("sub")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "outside")
    assert "found 'sub'" in _refused(tar(tmp_path / "a.tar", {}, link, tarfile.TarInfo("sub/evil")), room)
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_of_a_zip_are_refused(tmp_path: Path, room: Path, mode: int) -> None:
    odd = zipfile.ZipInfo("odd")
    odd.external_attr = (mode | 0o777) << 16
    assert "found 'odd', a link or a device" in _refused(zipped(tmp_path / "a.zip", {}, [(odd, b"/etc")]), room)


@all_kinds
def test_what_unpacks_to_far_more_than_it_is_is_refused_before_it_fills_the_disk(
    tmp_path: Path, room: Path, name: str, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_archive, "SMALL_BYTES", 3_000_000)
    monkeypatch.setattr(model_archive, "MOST_TIMES", 1)
    monkeypatch.setattr(model_archive, "MOST_BYTES", 3_000_000)
    archive = pack(tmp_path / name, {"manifest.toml": b"", "a": bytes(2_000_000), "b": bytes(2_000_000)})
    assert "expected at most 3.0 MB unpacked, found more; it is damaged, or made to fill disks" in _refused(
        archive, room
    )
    assert sum(len(data) for data in contents(room).values()) <= 2_000_000


def test_a_real_bomb_is_refused_at_once(tmp_path: Path, room: Path) -> None:
    bomb = tmp_path / "a.tar.gz"
    member = tarfile.TarInfo("zeros")
    member.size = 1 << 33
    bomb.write_bytes(gzip.compress(member.tobuf()))
    assert "expected at most 67.1 MB unpacked, found more" in _refused(bomb, room)
    assert contents(room) == {}


def test_what_is_left_out_is_not_read_without_end_either(
    tmp_path: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_archive, "SMALL_BYTES", 100_000)
    monkeypatch.setattr(model_archive, "MOST_TIMES", 1)
    hidden = {f".hidden{number}": bytes(90_000) for number in range(60)}
    assert "unpacked, found more" in _refused(tar(tmp_path / "a.tar.gz", hidden), room)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_that_claims_megabytes_is_not_read(tmp_path: Path, room: Path, kind: bytes) -> None:
    header = tarfile.TarInfo("header")
    header.type, header.size = kind, 40_000_000
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(header.tobuf() + bytes(40_000_000)))
    assert "cannot be read: a header of 40" in _refused(tmp_path / "a.tar.gz", room)


def test_headers_in_each_other_without_end_are_told(tmp_path: Path, room: Path) -> None:
    header = tarfile.TarInfo("header")
    header.type, header.size = tarfile.XHDTYPE, 512
    (tmp_path / "a.tar").write_bytes((header.tobuf() + b"9 a=bcd\n".ljust(512, b"\0")) * 3000)
    assert "cannot be read: " in _refused(tmp_path / "a.tar", room)


def test_more_files_than_any_package_has_are_refused(tmp_path: Path, room: Path) -> None:
    many = {f"{number}": b"" for number in range(1001)}
    assert "expected at most 1000 files, found more" in _refused(tar(tmp_path / "a.tar", many), room)


@all_kinds
def test_an_archive_that_was_cut_off_is_told(tmp_path: Path, room: Path, name: str, pack: Pack) -> None:
    whole = pack(tmp_path / name, FILES).read_bytes()
    for number, end in enumerate(range(1, len(whole) - 1100, len(whole) // 9)):
        (tmp_path / "cut").write_bytes(whole[:end])
        place = room / str(number)
        place.mkdir()
        assert "expected " in _refused(tmp_path / "cut", place)


def test_a_zip_with_a_password_or_a_wrong_sum_is_told(tmp_path: Path, room: Path) -> None:
    plain = zipped(tmp_path / "a.zip", {"run.py": b"print(1)"}).read_bytes()
    for number, (old, new) in enumerate([(b"\x00\x00\x08\x00", b"\x01\x00\x08\x00"), (b"run.py", b"run.pz")]):
        (tmp_path / "b.zip").write_bytes(plain.replace(old, new, 1) if number else plain.replace(old, new))
        assert "cannot be read: " in _refused(tmp_path / "b.zip", room)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "expected a .zip, .tar or .tar.gz, found an empty file"),
        (b"\n<!DOCTYPE html><html>", "found a web page; give the address of the file itself"),
        (b"\x28\xb5\x2f\xfd rest", "found Zstandard; unpack it and pull the folder"),
        (b"BZh9", "found bzip2"),
        (b"\xfd7zXZ\x00", "found xz"),
        (b"7z\xbc\xaf\x27\x1c", "found 7-Zip"),
        (b"Rar!\x1a", "found RAR"),
        (b"version https://git-lfs.github.com/spec/v1\n", "found something else"),
        (gzip.compress(b"no tar"), "cannot be read: "),
        (zipfile.ZIP_DEFLATED.to_bytes(2, "big") * 600, "found something else"),
    ],
)
def test_what_is_no_archive_is_told_with_what_it_is(tmp_path: Path, room: Path, content: bytes, told: str) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    assert told in _refused(tmp_path / "a.zip", room)


def test_an_empty_archive_is_told(tmp_path: Path, room: Path) -> None:
    assert "found an empty archive" in _refused(zipped(tmp_path / "a.zip", {}), room)
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w"):
        pass
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(held.getvalue()))
    assert "found an empty archive" in _refused(tmp_path / "a.tar.gz", room)

"""Files and folders that are not as they should be: what must succeed does, and the rest fails one file at a time."""

import os
import shutil
import stat
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import (
    GAIN,
    RATE_HZ,
    REVERB,
    Outcome,
    chain,
    damped,
    files_below,
    parts,
    read,
    rebounce,
    write,
)
from small_packages import MODEL, small_package

from rebounce.engine.source import open_source

LONG = "n" * 246 + ".wav"
NO_TEXT = os.fsdecode(b"caf\xe9.wav")  # a name in Latin-1, as old disks have it
DATA_SIZE_AT = 40  # in the 44-byte header that soundfile writes


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chain that touches every sample that is not zero, and must see the whole of nothing."""
    return chain(tmp_path_factory.mktemp("chains") / "quiet.toml", REVERB, GAIN.format(gain_db=-6))


def with_data_size(path: Path, size: int) -> None:
    """Write another size of the samples into the header of a plain WAV."""
    with path.open("r+b") as file:
        file.seek(DATA_SIZE_AT - 4)
        assert file.read(4) == b"data"
        file.write(struct.pack("<I", size))


@pytest.fixture(scope="module")
def fine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of odd files that are all right."""
    folder = tmp_path_factory.mktemp("fine")
    mix = damped(0.2)
    for name in ("plain.wav", "unfinished.wav", "streamed.wav"):
        write(folder / name, mix, "PCM_16")
    with_data_size(folder / "unfinished.wav", 0)
    with_data_size(folder / "streamed.wav", 0xFFFFFFFF)
    write(folder / "none.wav", mix[:, :0])
    write(folder / "none/none.aiff", mix[:, :0])
    write(folder / "one.wav", mix[:, :1])
    write(folder / "silence.wav", np.zeros_like(mix))
    write(folder / "dc.wav", np.full_like(mix, 0.25))
    write(folder / "hot.wav", mix * 200, "FLOAT")  # peaks about 20 dB above full scale
    write(folder / "mono.wav", mix[:1])
    write(folder / "six.wav", np.concatenate([mix, mix, mix]))
    write(folder / "Überschrift ☾ 夜の歌 🎛.wav", mix)
    write(folder / "a b  c.wav", mix)
    write(folder / LONG, mix)
    shutil.copy(folder / "plain.wav", folder / NO_TEXT)
    write(folder / "one/mix.wav", mix)
    write(folder / "two/mix.wav", mix)
    write(folder / "low.wav", mix, rate_hz=8_000)
    write(folder / "high.wav", mix, rate_hz=192_000)
    (folder / "link.wav").symlink_to(folder / "plain.wav")
    (folder / "._fork.wav").write_bytes(b"\0\5\26\7" + bytes(78))
    return folder


@pytest.fixture(scope="module")
def restored(fine: Path, quiet: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """All of them, restored in one call, with everything that can be written beside the results."""
    out = tmp_path_factory.mktemp("restored")
    extras = ["--delta", out.with_name("delta"), "--save-chain", "--json"]
    return rebounce("restore", fine, "-o", out, "--preset", quiet, *extras), out


def test_odd_files_that_are_all_right_are_restored(fine: Path, restored: tuple[Outcome, Path]) -> None:
    done, out = restored
    assert [record["error"] for record in done.records if record["error"]] == []
    assert done.code == 0
    statuses = done.statuses()
    assert statuses.pop("._fork.wav") == "skipped"
    unchanged = {name for name, status in statuses.items() if status == "unchanged"}
    assert unchanged == {"none.wav", "none.aiff", "silence.wav"}  # there is nothing in them that a chain could change
    assert {status for name, status in statuses.items() if name not in unchanged} == {"restored"}
    expected = sorted(path for path in files_below(fine) if "._fork" not in path)
    assert [name for name in files_below(out) if not name.endswith(("toml", "html"))] == expected
    assert parts(out) == []


def test_they_keep_their_frames_and_have_no_number_that_is_none(fine: Path, restored: tuple[Outcome, Path]) -> None:
    for record in restored[0].records:
        if record["status"] == "skipped":
            continue
        after = read(record["output"])
        assert np.isfinite(after).all()
        assert after.shape == (record["frames"], record["channels"])
    assert restored[0].record("none.wav")["lufs_in"] is None
    assert restored[0].record("one.wav")["frames"] == 1
    # A constant of 0.25 begins and ends in a step, which overshoots between the samples.
    assert -12.04 <= restored[0].record("dc.wav")["true_peak_in_dbtp"] < -10.5


def test_no_frames_and_one_frame_go_into_every_format_that_can_hold_them(fine: Path, tmp_path: Path) -> None:
    pair = [fine / "none.wav", fine / "one.wav"]
    for kind in ("flac", "ogg", "mp3"):
        done = rebounce("restore", *pair, "-o", tmp_path, "--format", kind, "--json")
        expected = {"none.wav": "error" if kind == "mp3" else "restored", "one.wav": "restored"}
        assert done.statuses() == expected
        for name, frames in [("one", 1)] if kind == "mp3" else [("none", 0), ("one", 1)]:
            with open_source(tmp_path / f"{name}.{kind}") as source:
                assert source.info.frames == frames
    assert "an MP3 cannot be without" in done.record("none.wav")["error"]
    assert not (tmp_path / "none.mp3").exists()


@pytest.mark.parametrize("name", ["unfinished.wav", "streamed.wav"])
def test_a_size_that_was_never_filled_in_is_repaired_and_said(restored: tuple[Outcome, Path], name: str) -> None:
    done, out = restored
    record = done.record(name)
    assert record["frames"] == int(0.2 * RATE_HZ)
    assert any("size" in message for message in record["messages"]), record["messages"]
    np.testing.assert_array_equal(read(out / name), read(out / "plain.wav"))


def test_peaks_above_full_scale_stay_where_the_file_has_room_for_them(restored: tuple[Outcome, Path]) -> None:
    record = restored[0].record("hot.wav")
    assert (record["subtype"], record["clipped_samples"]) == ("FLOAT", 0)
    assert record["true_peak_in_dbtp"] > 18


def test_a_linked_file_is_restored_and_neither_link_nor_file_is_touched(
    fine: Path, restored: tuple[Outcome, Path]
) -> None:
    assert (fine / "link.wav").is_symlink()
    result = restored[1] / "link.wav"
    assert not result.is_symlink()
    assert result.read_bytes() == (restored[1] / "plain.wav").read_bytes()


def test_a_name_that_is_no_text_comes_back_from_the_json(restored: tuple[Outcome, Path]) -> None:
    (record,) = [record for record in restored[0].records if record["input"].endswith(NO_TEXT)]
    assert Path(record["output"]).is_file()


def test_a_second_run_over_them_skips_them_all(fine: Path, quiet: Path, restored: tuple[Outcome, Path]) -> None:
    again = rebounce("restore", fine, "-o", restored[1], "--preset", quiet, "--json")
    assert (again.code, set(again.statuses().values())) == (0, {"skipped"})


def test_odd_names_and_mended_files_are_told_to_people_in_any_terminal_and_in_the_report(
    fine: Path, tmp_path: Path
) -> None:
    plain_terminal = ("env", "PYTHONIOENCODING=ascii", "LC_ALL=C")
    files = [fine / NO_TEXT, *sorted(fine.glob("Ü*")), fine / "unfinished.wav"]
    told = rebounce("restore", *files, "-o", tmp_path, "--report", under=plain_terminal)
    assert (told.code, len(told.out.splitlines())) == (0, 5)
    assert "the header did not say how long the audio is" in told.out
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("Ü") >= 1
    assert "caf?.wav" in page


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that cannot be restored, with two among them that can."""
    folder = tmp_path_factory.mktemp("broken")
    mix = damped(0.2)
    write(folder / "a good.wav", mix)
    write(folder / "z good.wav", mix)
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("This was to be a mix. " * 100)
    (folder / "words.mp3").write_text("This was to be a mix. " * 100)
    whole = write(folder / "cut.wav", mix, "PCM_16").read_bytes()
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    whole = write(folder / "cut.flac", mix, "PCM_16").read_bytes()
    (folder / "cut.flac").write_bytes(whole[: len(whole) // 2])
    for name, value in (("nan.wav", np.nan), ("infinite.wav", -np.inf)):
        spoiled = mix.copy()
        spoiled[1, 5000] = value
        write(folder / name, spoiled, "FLOAT")
    write(folder / "slow.wav", mix, rate_hz=7_999)
    write(folder / "fast.wav", mix, rate_hz=192_001)
    (folder / "dangling.wav").symlink_to(folder / "nowhere.wav")
    (folder / "around.wav").symlink_to(folder / "around.wav")
    (folder / "loop").mkdir()
    (folder / "loop/again").symlink_to(folder)
    os.mkfifo(folder / "pipe.wav")
    return folder


@pytest.mark.parametrize("preset", ["bypass", "quiet"])
def test_each_broken_file_is_an_error_of_its_own_and_the_rest_is_done(
    broken: Path, quiet: Path, tmp_path: Path, preset: str
) -> None:
    done = rebounce("restore", broken, "-o", tmp_path, "--preset", quiet if preset == "quiet" else preset, "--json")
    assert done.code == 1
    errors = {Path(record["input"]).name: record["error"] for record in done.records if record["status"] == "error"}
    assert {name for name, status in done.statuses().items() if status != "error"} == {"a good.wav", "z good.wav"}
    causes = {
        "empty.wav": "0 bytes",
        "text.wav": "not an audio file",
        "words.mp3": "not an audio file",
        "cut.wav": "frames",
        "cut.flac": "",
        "nan.wav": "found nan at frame 5000 of channel 2",
        "infinite.wav": "found -inf at frame 5000 of channel 2",
        "slow.wav": "7999 Hz",
        "fast.wav": "192001 Hz",
        "dangling.wav": "No such file",
        "around.wav": "symbolic links",
        "again": "folder loop",
        "pipe.wav": "a pipe",
    }
    assert set(errors) == set(causes)
    for name, cause in causes.items():
        assert name in errors[name]
        assert cause in errors[name]
        assert " - " in errors[name] or ";" in errors[name], f"no next step: {errors[name]}"
    assert files_below(tmp_path) == ["a good.wav", "z good.wav"]


def test_errors_go_to_stderr_even_in_quiet(broken: Path, tmp_path: Path) -> None:
    done = rebounce("restore", broken / "empty.wav", broken / "a good.wav", "-o", tmp_path, "-q")
    assert (done.code, done.out) == (1, "")
    assert str(broken / "empty.wav") in done.err
    assert len(done.err.splitlines()) == 1


def test_more_channels_than_the_result_can_have_fail_that_file_alone(fine: Path, tmp_path: Path) -> None:
    done = rebounce("restore", fine / "six.wav", fine / "plain.wav", "-o", tmp_path / "o", "--format", "mp3", "--json")
    assert (done.code, done.statuses()) == (1, {"six.wav": "error", "plain.wav": "restored"})
    assert "six.wav" in done.record("six.wav")["error"]
    assert "at most 2 channels, got 6" in done.record("six.wav")["error"]


def test_an_output_that_exists_is_neither_replaced_nor_lost(fine: Path, tmp_path: Path) -> None:
    (tmp_path / "plain.wav").write_bytes(b"somebody's own")
    (tmp_path / "mono.wav").symlink_to(tmp_path / "nowhere")
    (tmp_path / "dc.wav").mkdir()
    names = ["plain.wav", "mono.wav", "dc.wav", "one.wav"]
    done = rebounce("restore", *(fine / name for name in names), "-o", tmp_path, "--json")
    assert done.code == 1
    assert [done.record(name)["status"] for name in names] == ["error"] * 3 + ["unchanged"]
    assert all("--force" in done.record(name)["error"] for name in names[:3])
    assert (tmp_path / "plain.wav").read_bytes() == b"somebody's own"
    assert parts(tmp_path) == []


def test_a_result_never_takes_the_place_of_its_input(fine: Path, tmp_path: Path) -> None:
    mix = Path(shutil.copy(fine / "plain.wav", tmp_path / "mix.wav"))
    before = mix.read_bytes()
    done = rebounce("restore", mix, "-o", tmp_path, "--force", "--json")
    assert (done.code, mix.read_bytes() == before) == (1, True)
    assert "would replace the input" in done.records[0]["error"]


# Root may read everything; without these two rights permissions hold for it as they do for others.
AS_OTHERS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_what_may_not_be_read_or_written_is_said_and_the_rest_is_done(tmp_path: Path) -> None:
    inside, locked = tmp_path / "in", tmp_path / "locked"
    for name in ("mine.wav", "secret.wav", "closed/mix.wav"):
        write(inside / name, damped(0.1))
    locked.mkdir(mode=0o500)
    (inside / "secret.wav").chmod(0)
    (inside / "closed").chmod(0)
    call = ["restore", inside, inside / "closed/mix.wav", "-o", tmp_path / "out", "--json"]
    done = rebounce(*call, under=AS_OTHERS)
    assert (done.code, done.record("mine.wav")["status"]) == (1, "unchanged")
    causes = {"secret.wav": "no permission", "closed": "Permission denied", "mix.wav": "Permission denied"}
    for name, cause in causes.items():
        assert done.record(name)["status"] == "error"
        assert cause in done.record(name)["error"]

    for where in (locked, locked / "new", inside / "closed/out"):
        refused = rebounce("restore", inside / "mine.wav", "-o", where, "--json", under=AS_OTHERS)
        assert (refused.code, refused.statuses()) == (1, {"mine.wav": "error"}), refused
        assert "Permission denied" in refused.records[0]["error"]
        assert "choose another" in refused.records[0]["error"]
    (inside / "closed").chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_a_result_has_the_mode_of_its_input(fine: Path, quiet: Path, tmp_path: Path) -> None:
    private = Path(shutil.copy(fine / "plain.wav", tmp_path / "private.wav"))
    private.chmod(0o640)
    for preset in (quiet, "bypass"):
        rebounce("restore", private, "-o", tmp_path / "out", "--preset", preset, "--force")
        assert stat.S_IMODE((tmp_path / "out/private.wav").stat().st_mode) == 0o640


# Root may mount in a name space of its own; others need one of users too, where the system lets them.
MOUNTABLE = "-m" if os.geteuid() == 0 else "-rm"


def in_a_small_disk(disk: Path, options: str, *arguments: object) -> Outcome:
    """Run `rebounce` where `disk` is a file system of its own; what is left on it comes back at the end of stderr."""
    script = f'mount -t tmpfs -o {options} tmpfs {disk} && "$@"; code=$?; find {disk} -type f >&2; exit $code'
    return rebounce(*arguments, under=("unshare", MOUNTABLE, "sh", "-c", script, "sh"))


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A folder to mount a small disk on."""
    try:
        tried = subprocess.run(["unshare", MOUNTABLE, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs `unshare` to mount a small disk")
    if tried.returncode:
        pytest.skip(f"this machine lets nobody mount a small disk: {tried.stderr.decode()}")
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


def test_a_disk_that_is_too_small_is_an_error_before_it_is_filled(disk: Path, tmp_path: Path, quiet: Path) -> None:
    big = write(tmp_path / "big.wav", damped(4), "FLOAT")  # 1.4 MB
    done = in_a_small_disk(disk, "size=1m", "restore", big, "-o", disk / "out", "--preset", quiet, "--json")
    assert (done.code, done.statuses()) == (1, {"big.wav": "error"})
    assert "disk is full (1.4 MB needed" in done.records[0]["error"]
    assert "another disk" in done.records[0]["error"]
    assert done.err == ""  # nothing is left on it


@pytest.mark.parametrize("preset", ["bypass", "quiet"])
def test_a_disk_that_fills_up_on_the_way_leaves_nothing_half_written(
    disk: Path, fine: Path, tmp_path: Path, quiet: Path, preset: str
) -> None:
    # Room for bytes, but only for two files and folders: making the third fails as a full disk does.
    where = ["-o", disk, "--preset", quiet if preset == "quiet" else preset, "--json"]
    done = in_a_small_disk(disk, "size=8m,nr_inodes=3", "restore", fine / "plain.wav", fine / "mono.wav", *where)
    assert (done.code, done.statuses()) == (1, {"plain.wav": "error", "mono.wav": "error"})
    assert all("disk is full" in record["error"] for record in done.records)
    assert done.err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs ulimit")
def test_a_write_that_fails_half_way_leaves_nothing_and_costs_one_file(fine: Path, tmp_path: Path, quiet: Path) -> None:
    big = write(tmp_path / "big.wav", damped(4), "FLOAT")
    out = tmp_path / "out"
    limited = ("sh", "-c", 'ulimit -f 1000; exec "$@"', "sh")
    told = rebounce("restore", big, fine / "plain.wav", "-o", out, "--preset", quiet, "--json", under=limited)
    assert (told.code, told.statuses()) == (1, {"big.wav": "error", "plain.wav": "restored"})
    assert "File too large" in told.record("big.wav")["error"]
    assert files_below(out) == ["plain.wav"]


def test_a_model_package_with_a_wrong_hash_is_refused(fine: Path, tmp_path: Path) -> None:
    package = small_package(tmp_path / "model").folder
    sound = rebounce("restore", fine / "plain.wav", "-o", tmp_path / "out", "--model", package)
    assert (sound.code, "is sound" in sound.err) == (2, True)  # and yet there is nothing in the chain to run it
    (package / MODEL).write_bytes((package / MODEL).read_bytes() + b"\0")
    spoiled = rebounce("restore", fine / "plain.wav", "-o", tmp_path / "out", "--model", package)
    assert (spoiled.code, spoiled.out) == (1, "")
    assert MODEL in spoiled.err
    assert not (tmp_path / "out").exists()

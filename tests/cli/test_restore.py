"""`rebounce restore` as a user meets it: what comes out, where, and what is said about it."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from commands import (
    GAIN,
    RATE_HZ,
    RECORD_KEYS,
    REVERB,
    Outcome,
    chain,
    damped,
    files_below,
    parts,
    read,
    rebounce,
    rebounce_many,
    same_bytes,
    write,
)

KINDS = {
    "short.wav": "PCM_16",
    "deep.wav": "PCM_24",
    "wide.wav": "FLOAT",
    "apple.aiff": "PCM_24",
    "free.flac": "PCM_16",
    "small.mp3": None,
    "small.ogg": None,
}
# The record as users were promised it, its keys in their order.
CONTRACT = """
{"input": "...", "output": "...", "status": "restored", "error": null, "messages": [], "version": "0.1.0",
 "preset": "auto", "preset_hash": "...", "input_sha256": "...", "model": null, "device": "cpu", "seconds": 1.2,
 "realtime_factor": 41.0, "sample_rate_hz": 48000, "channels": 2, "frames": 1440000, "subtype": "PCM_24",
 "lufs_in": -14.2, "lufs_out": -14.2, "true_peak_in_dbtp": -0.9, "true_peak_out_dbtp": -1.0, "level_change_db": 0.0,
 "clipped_samples": 0, "findings": null}
"""
CONTRACT_KEYS = list(json.loads(CONTRACT))


@pytest.fixture(scope="module")
def mixes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one short file of each kind; OGG and MP3 of one name would clash, so they lie apart."""
    folder = tmp_path_factory.mktemp("mixes")
    for number, (name, subtype) in enumerate(KINDS.items()):
        place = folder / "ogg" / name if name.endswith(".ogg") else folder / name
        write(place, damped(0.5, seed=number), subtype)
    chain(folder / "quiet.toml", GAIN.format(gain_db=-6))
    chain(folder / "loud.toml", GAIN.format(gain_db=20))
    chain(folder / "idle.toml", '[[chain]]\nplugin = "NoiseGate"\nthreshold_db = -100\n')
    return folder


@pytest.fixture(scope="module")
def quieter(mixes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path, Path]:
    """Every kind through a chain of one gain, with everything that can be written beside the results."""
    out = tmp_path_factory.mktemp("quieter")
    delta = out.with_name(f"{out.name}-delta")
    extras = ["--delta", delta, "--save-chain", "--keep-mtime"]
    return rebounce("restore", mixes, "-o", out, "--preset", mixes / "quiet.toml", *extras, "--json"), out, delta


def inputs(mixes: Path) -> list[Path]:
    return sorted(path for path in mixes.rglob("*") if path.name in KINDS)


def test_what_needs_no_repair_comes_back_byte_for_byte(mixes: Path, tmp_path: Path) -> None:
    for preset in ("bypass", mixes / "idle.toml"):  # a chain that may do nothing, and one that does nothing here
        out = tmp_path / Path(preset).stem
        done = rebounce("restore", mixes, "-o", out, "--preset", preset, "--json")
        assert (done.code, set(done.statuses().values())) == (0, {"unchanged"}), done
        assert files_below(out) == [str(path.relative_to(mixes)) for path in inputs(mixes)]
        assert same_bytes(inputs(mixes), [out / path.relative_to(mixes) for path in inputs(mixes)])
        assert {record["findings"] for record in done.records} == {None}


def test_a_chain_at_strength_0_changes_nothing(mixes: Path, tmp_path: Path) -> None:
    done = rebounce("restore", mixes, "-o", tmp_path, "--preset", mixes / "quiet.toml", "--strength", 0, "--json", "-q")
    assert set(done.statuses().values()) == {"unchanged"}
    assert same_bytes(inputs(mixes), [tmp_path / path.relative_to(mixes) for path in inputs(mixes)])


def test_a_restored_file_keeps_frames_rate_channels_and_depth(mixes: Path, quieter: tuple[Outcome, Path, Path]) -> None:
    done, out, _ = quieter
    assert (done.code, set(done.statuses().values())) == (0, {"restored"}), done
    for path in inputs(mixes):
        before, after = soundfile.info(path), soundfile.info(done.record(path.name)["output"])
        assert (after.frames, after.samplerate, after.channels) == (before.frames, before.samplerate, before.channels)
        if path.suffix not in (".mp3", ".ogg"):
            assert (after.format, after.subtype) == (before.format, before.subtype)
        else:
            assert (after.format, after.subtype) == ("WAV", "PCM_24")
    assert parts(out) == []


def test_the_samples_are_those_of_the_chain(mixes: Path, quieter: tuple[Outcome, Path, Path]) -> None:
    done = quieter[0]
    for path in inputs(mixes):
        record = done.record(path.name)
        step = 0.0 if record["subtype"] == "FLOAT" else 2.0 ** (1 - 16 if record["subtype"] == "PCM_16" else 1 - 24)
        error = read(record["output"]) - read(path) * 10 ** (-6 / 20)
        # Half a step of rounding, one of dither, and what float32 loses.
        assert np.abs(error).max() <= 1.5 * step + 1e-7


def test_each_file_has_one_json_object_with_the_keys_of_the_contract(quieter: tuple[Outcome, Path, Path]) -> None:
    done = quieter[0]
    assert RECORD_KEYS == CONTRACT_KEYS
    assert len(done.records) == len(KINDS)
    for record in done.records:
        assert list(record) == CONTRACT_KEYS
        assert record["level_change_db"] == pytest.approx(-6, abs=0.05)
        assert record["lufs_out"] - record["lufs_in"] == pytest.approx(record["level_change_db"])
        assert record["error"] is None
        assert (record["version"], record["device"], record["clipped_samples"]) == ("0.1.0", "cpu", 0)
        assert record["seconds"] > 0
        assert len(record["input_sha256"]) == len(record["preset_hash"]) == 64


def test_input_minus_delta_is_the_output(mixes: Path, quieter: tuple[Outcome, Path, Path]) -> None:
    done, _, delta = quieter
    for path in inputs(mixes):
        taken = delta / path.relative_to(mixes).with_suffix(".wav")
        info = soundfile.info(taken)
        assert (info.subtype, info.samplerate) == ("FLOAT", RATE_HZ)
        output = read(done.record(path.name)["output"])
        # Both are whole numbers of 24-bit steps below a half, so their difference fits float32 to the last bit.
        assert np.abs(read(path) - read(taken) - output).max() <= (1e-8 if path.name == "wide.wav" else 1e-15) or (
            path.suffix in (".mp3", ".ogg") and np.abs(read(path) - read(taken) - output).max() <= 1e-7
        )


def test_a_saved_chain_gives_the_same_samples_again(
    mixes: Path, quieter: tuple[Outcome, Path, Path], tmp_path: Path
) -> None:
    done, out, _ = quieter
    first = mixes / "deep.wav"
    again = rebounce("restore", first, "-o", tmp_path, "--preset", out / "deep.chain.toml", "--json")
    assert again.code == 0
    np.testing.assert_array_equal(read(again.record("deep.wav")["output"]), read(done.record("deep.wav")["output"]))


def test_the_five_stages_finish_where_they_say_and_their_saved_analyses_give_the_same_bytes(
    tmp_path: Path, mixes: Path
) -> None:
    mix = write(tmp_path / "mix.wav", damped(2), "PCM_24")
    call = ["restore", mix, "--json", "-o"]
    first = rebounce(*call, tmp_path / "a", "--preset", "five-stage", "--save-chain", "--delta", tmp_path / "delta")
    (record,) = first.records
    assert record["status"] == "restored"
    assert record["lufs_out"] == pytest.approx(-14, abs=0.2)
    assert record["true_peak_out_dbtp"] <= -1 + 0.1
    assert any(message.startswith("Finish: turned") for message in record["messages"])
    assert soundfile.info(record["output"]).frames == 2 * RATE_HZ
    assert "analysis" in (tmp_path / "a/mix.chain.toml").read_text()

    again = rebounce(*call, tmp_path / "b", "--preset", tmp_path / "a/mix.chain.toml")
    assert (tmp_path / "a/mix.wav").read_bytes()[-100_000:] == (tmp_path / "b/mix.wav").read_bytes()[-100_000:]
    assert again.records[0]["preset_hash"] != record["preset_hash"]
    np.testing.assert_array_equal(read(tmp_path / "a/mix.wav"), read(tmp_path / "b/mix.wav"))
    np.testing.assert_allclose(read(mix) - read(tmp_path / "delta/mix.wav"), read(tmp_path / "a/mix.wav"), atol=1e-7)


def test_keep_mtime_keeps_the_time_and_without_it_the_time_is_new(
    mixes: Path, quieter: tuple[Outcome, Path, Path], tmp_path: Path
) -> None:
    for record in quieter[0].records:
        assert os.stat(record["output"]).st_mtime_ns == os.stat(record["input"]).st_mtime_ns
    old = write(tmp_path / "old.wav", damped(0.1))
    os.utime(old, (1_000_000_000, 1_000_000_000))
    rebounce("restore", old, "-o", tmp_path / "out")
    assert (tmp_path / "out/old.wav").stat().st_mtime > 1_500_000_000


def test_the_report_is_one_page_and_stdout_stays_for_the_json(mixes: Path, tmp_path: Path) -> None:
    done = rebounce("restore", mixes / "deep.wav", tmp_path / "gone.wav", "-o", tmp_path / "out", "--report", "--json")
    assert (done.code, done.statuses()) == (1, {"deep.wav": "unchanged", "gone.wav": "error"})
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "deep.wav" in page
    assert "gone.wav" in page
    assert "report.html" in done.err


def test_a_second_run_skips_and_a_third_after_a_change_names_force(
    mixes: Path, quieter: tuple[Outcome, Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    pair = [mixes / "short.wav", mixes / "deep.wav"]
    before = [rebounce("restore", *pair, "-o", out, "--preset", mixes / "quiet.toml", "--json")]
    before.append(rebounce("restore", *pair, "-o", out, "--preset", mixes / "quiet.toml", "--json"))
    assert [set(done.statuses().values()) for done in before] == [{"restored"}, {"skipped"}]
    assert before[1].code == 0
    first = (out / "short.wav").read_bytes()
    (out / "deep.wav").write_bytes((out / "deep.wav").read_bytes() + b"mine now")

    touched = rebounce("restore", *pair, "-o", out, "--preset", mixes / "quiet.toml", "--json")
    assert (touched.code, touched.statuses()) == (1, {"short.wav": "skipped", "deep.wav": "error"})
    assert "--force" in touched.record("deep.wav")["error"]
    assert (out / "deep.wav").read_bytes().endswith(b"mine now")

    other = rebounce("restore", *pair, "-o", out, "--preset", "bypass", "--json")
    assert (other.code, set(other.statuses().values())) == (1, {"error"})
    assert all("--force" in record["error"] for record in other.records)

    forced = rebounce("restore", *pair, "-o", out, "--preset", mixes / "quiet.toml", "--force", "--json")
    assert (forced.code, set(forced.statuses().values())) == (0, {"restored"})
    assert (out / "short.wav").read_bytes() == first  # the same input, the same output
    assert not (out / "deep.wav").read_bytes().endswith(b"mine now")


def test_a_delta_that_is_missing_is_caught_up_on_and_a_strangers_file_is_left_alone(
    mixes: Path, tmp_path: Path
) -> None:
    call = ["restore", mixes / "deep.wav", "-o", tmp_path / "out", "--preset", mixes / "quiet.toml", "--json"]
    rebounce(*call)
    later = rebounce(*call, "--delta", tmp_path / "delta", "--save-chain")
    assert later.statuses() == {"deep.wav": "skipped"}
    assert (tmp_path / "delta/deep.wav").is_file()
    assert any("--force" in message for message in later.records[0]["messages"])

    stranger = tmp_path / "new/deep.chain.toml"
    stranger.parent.mkdir()
    stranger.write_text("mine")
    refused = rebounce(*call[:3], tmp_path / "new", *call[4:], "--save-chain")
    assert (refused.code, stranger.read_text()) == (1, "mine")
    assert not (tmp_path / "new/deep.wav").exists()
    assert "--force" in refused.records[0]["error"]


@pytest.fixture(scope="module")
def shapes(mixes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One 24-bit file and one that is loud enough to clip."""
    folder = tmp_path_factory.mktemp("shapes")
    write(folder / "mix.wav", damped(0.3), "PCM_24")
    write(folder / "loud.wav", damped(0.3, seed=4), "PCM_16")
    return folder


@pytest.mark.parametrize(
    ("options", "suffix", "expected"),
    [
        (["--bit-depth", "16"], ".wav", ("WAV", "PCM_16", RATE_HZ, 13_230)),
        (["--bit-depth", "32f"], ".wav", ("WAV", "FLOAT", RATE_HZ, 13_230)),
        (["--format", "flac", "--sample-rate", "48000"], ".flac", ("FLAC", "PCM_24", 48_000, 14_400)),
        (["--format", "wav", "--sample-rate", "22050"], ".wav", ("WAV", "PCM_24", 22_050, 6_615)),
        (["--format", "ogg"], ".ogg", ("OGG", "VORBIS", RATE_HZ, 13_230)),
        (["--format", "mp3"], ".mp3", ("MP3", "MPEG_LAYER_III", RATE_HZ, 13_230)),
    ],
)
def test_format_depth_and_rate_are_what_was_asked_for(
    shapes: Path, tmp_path: Path, options: list[str], suffix: str, expected: tuple[str, str, int, int]
) -> None:
    done = rebounce("restore", shapes / "mix.wav", "-o", tmp_path, *options)
    assert done.code == 0, done
    assert files_below(tmp_path) == [f"mix{suffix}"]
    info = soundfile.info(tmp_path / f"mix{suffix}")
    assert (info.format, info.subtype, info.samplerate, info.frames) == expected


@pytest.mark.parametrize("clip_mode", ["rescale", "keep", "clamp", "limit"])
def test_what_would_clip_goes_the_way_that_was_chosen(
    mixes: Path, shapes: Path, tmp_path: Path, clip_mode: str
) -> None:
    call = ["restore", shapes / "loud.wav", "-o", tmp_path, "--preset", mixes / "loud.toml"]
    done = rebounce(*call, "--clip-mode", clip_mode, "--json")
    (record,) = done.records
    info, output = soundfile.info(record["output"]), read(record["output"])
    wanted = read(shapes / "loud.wav") * 10
    over = np.abs(wanted) > 1
    assert over.any()
    if clip_mode == "rescale":
        gain = np.abs(output).max() / np.abs(wanted).max()
        np.testing.assert_allclose(output, wanted * gain, atol=2.5 * 2**-15)
        assert (info.subtype, record["clipped_samples"]) == ("PCM_16", 0)
    elif clip_mode == "keep":
        np.testing.assert_allclose(output, wanted, rtol=1e-6)
        assert (info.subtype, record["clipped_samples"]) == ("FLOAT", 0)
    elif clip_mode == "clamp":
        assert (info.subtype, record["clipped_samples"]) == ("PCM_16", np.count_nonzero(over))
        np.testing.assert_allclose(output, wanted.clip(-1, 1), atol=2.5 * 2**-15)
    else:
        assert record["true_peak_out_dbtp"] <= -1 + 0.1
        assert (info.subtype, record["clipped_samples"]) == ("PCM_16", 0)
    if clip_mode != "clamp":
        assert any("would have clipped" in message for message in record["messages"])


def test_the_tree_is_rebuilt_and_globs_and_lists_are_read(mixes: Path, tmp_path: Path) -> None:
    for place in ("a/mix.wav", "b/mix.wav", "b/c/mix.wav"):
        write(tmp_path / "in" / place, damped(0.1, seed=len(place)))
    listed = tmp_path / "list.txt"
    listed.write_text(f"# what to do\n\n{tmp_path / 'in/b/mix.wav'}\n")
    literal = rebounce("restore", f"{tmp_path}/in/**/*.wav", "-o", tmp_path / "out", "--json")
    assert (literal.code, len(literal.records)) == (1, 3)  # three files of one name for one folder: all are errors
    assert all("restore their parent folder" in record["error"] for record in literal.records)
    glob = rebounce("restore", f"{tmp_path}/in/[ab]", "-o", tmp_path / "tree", "--json")
    assert (glob.code, files_below(tmp_path / "tree")) == (0, ["a/mix.wav", "b/c/mix.wav", "b/mix.wav"])
    from_list = rebounce("restore", "--input-list", listed, "-o", tmp_path / "one", "--json")
    assert (from_list.code, files_below(tmp_path / "one")) == (0, ["mix.wav"])


def test_results_may_lie_beside_their_inputs_under_other_names_run_after_run(tmp_path: Path) -> None:
    write(tmp_path / "mix.wav", damped(0.1))
    first = rebounce("restore", tmp_path, "-o", tmp_path, "--format", "flac", "--json")
    assert (first.code, first.statuses()) == (0, {"mix.wav": "restored"})
    second = rebounce("restore", tmp_path, "-o", tmp_path, "--format", "flac", "--json")
    assert (second.code, second.statuses()) == (0, {"mix.flac": "skipped", "mix.wav": "skipped"})
    assert files_below(tmp_path) == ["mix.flac", "mix.wav"]


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(mixes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = rebounce("restore", mixes, "-o", out, "--dry-run")
    assert told.code == 0
    assert all(f"-> {out / path.relative_to(mixes).with_suffix('.wav')}" in told.out for path in inputs(mixes)[-2:])
    as_json = rebounce("restore", mixes, tmp_path / "gone.wav", "-o", out, "--dry-run", "--json", "--report")
    assert (as_json.code, len(as_json.records)) == (1, len(KINDS) + 1)
    assert not out.exists()


def test_two_jobs_give_the_same_bytes_in_the_same_order_as_one(mixes: Path, tmp_path: Path) -> None:
    call = ["restore", mixes, "--preset", chain(tmp_path / "c.toml", REVERB, GAIN.format(gain_db=-3)), "--json"]
    one = rebounce(*call, "-o", tmp_path / "one", "--strength", 60)
    two = rebounce(*call, "-o", tmp_path / "two", "--strength", 60, "--jobs", 2)
    assert (one.code, two.code) == (0, 0), two
    assert [record["input"] for record in one.records] == [record["input"] for record in two.records]
    assert {record["preset_hash"] for record in one.records} == {record["preset_hash"] for record in two.records}
    names = files_below(tmp_path / "one")
    assert names == files_below(tmp_path / "two")
    assert same_bytes([tmp_path / "one" / name for name in names], [tmp_path / "two" / name for name in names])


def test_the_order_of_the_inputs_changes_no_byte(mixes: Path, tmp_path: Path) -> None:
    pair = [mixes / "short.wav", mixes / "deep.wav"]
    preset = chain(tmp_path / "c.toml", REVERB)
    rebounce("restore", *pair, "-o", tmp_path / "one", "--preset", preset)
    rebounce("restore", *reversed(pair), "-o", tmp_path / "two", "--preset", preset)
    names = [path.name for path in pair]
    assert same_bytes([tmp_path / "one" / name for name in names], [tmp_path / "two" / name for name in names])


def test_people_read_a_line_a_file_and_what_was_done_to_it(mixes: Path, tmp_path: Path) -> None:
    call = ["restore", mixes / "deep.wav", "--preset", mixes / "loud.toml", "-o"]
    plain, quiet = rebounce(*call, tmp_path / "a"), rebounce(*call, tmp_path / "b", "-q")
    line, done = plain.out.splitlines()
    assert line.startswith("restored")
    assert "LUFS" in line
    assert "would have clipped" in done
    assert quiet.out == ""
    assert plain.err == quiet.err == ""  # no progress bar where nobody watches


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_shows_progress_and_stdout_stays_for_the_json(mixes: Path, tmp_path: Path) -> None:
    reader, terminal = os.openpty()
    typed = ["restore", mixes, "-o", tmp_path, "--json", "--preset", mixes / "quiet.toml"]
    call = [sys.executable, "-m", "rebounce", *map(str, typed)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # how Linux tells that nobody has the terminal open any more
            while data := os.read(reader, 65_536):
                shown += data
        out, _ = process.communicate()
    os.close(reader)
    assert len([json.loads(line) for line in out.splitlines()]) == len(KINDS)
    assert b"100%" in shown
    assert b"0:00:00" in shown


WRONG_USAGE = {
    "--reference x.wav": "--reference",
    "--preset five-stag": "five-stage",
    "--strength 101": "0<=x<=100",
    "--format flac --bit-depth 32f": "FLAC takes",
    "--sample-rate 7000": "8000 to 192000",
    "--delta {out}": "folder of its own",
    "--delta d --sample-rate 48000": "leave --sample-rate out",
    "--device gpu": "auto, cpu or cuda",
    "-q -v": "exclude each other",
    "--bit-dept 16": "--bit-depth",
    "--jobs 0": "1<=x<=256",
    "--input-list {out}/gone.txt": "one path a line",
    "--preset {folder}/type.toml": "type.toml, line 3: Gain: gain_db = 'loud', expected a number",
    "--preset {folder}/unknown.toml": "did you mean 'Reverb'?",
    "--preset {folder}/gone.toml": "gone.toml: expected a chain file",
    "--preset {folder}/broken.toml": "not valid TOML",
}


def test_wrong_usage_ends_with_2_before_anything_is_read(mixes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    chain(tmp_path / "type.toml", '[[chain]]\nplugin = "Gain"\ngain_db = "loud"\n')
    chain(tmp_path / "unknown.toml", '[[chain]]\nplugin = "Reverbb"\n')
    chain(tmp_path / "broken.toml", "[[chain]\n")
    typed = [text.format(out=out, folder=tmp_path).split(" ") for text in WRONG_USAGE]
    calls = [["restore", mixes, "-o", out, *options] for options in typed]
    for done, said in zip(
        rebounce_many([*calls, ["restore", "-o", out]]), [*WRONG_USAGE.values(), "at least one file"], strict=True
    ):
        assert (done.code, done.out) == (2, ""), done
        assert said in done.err, done
    assert not out.exists()


def test_a_chain_may_load_plugins_only_from_the_systems_folders_or_by_name(
    mixes: Path, tmp_path: Path, zam_folder: Path
) -> None:
    foreign = tmp_path / "ZamTube.vst3"
    shutil.copytree(zam_folder / "ZamTube.vst3", foreign)
    system = chain(tmp_path / "system.toml", f'[[chain]]\nplugin = "{zam_folder / "ZamTube.vst3"}"\n')
    other = chain(tmp_path / "other.toml", f'[[chain]]\nplugin = "{foreign}"\n')
    nested = chain(tmp_path / "nested.toml", f'[[chain]]\nplugin = "Board"\n[[chain.chain]]\nplugin = "{foreign}"\n')
    call = ["restore", mixes / "deep.wav", "--json", "--preset"]
    for refused in rebounce_many([*call, preset, "-o", tmp_path / "no"] for preset in (other, nested)):
        assert (refused.code, refused.out) == (2, "")
        assert f"--allow-plugin {foreign}" in refused.err
    assert rebounce(*call, system, "-o", tmp_path / "a").statuses() == {"deep.wav": "restored"}
    allowed = rebounce(*call, nested, "-o", tmp_path / "b", "--allow-plugin", foreign)
    assert allowed.statuses() == {"deep.wav": "restored"}
    assert (tmp_path / "a/deep.wav").read_bytes() == (tmp_path / "b/deep.wav").read_bytes()


def test_the_program_says_its_version_its_commands_and_an_example_of_each() -> None:
    script = Path(sys.executable).with_name("rebounce")
    said = subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout
    assert said == "rebounce 0.1.0\n"
    commands = ["restore", "presets", "presets list", "presets show", "presets check", "doctor", "demo"]
    overview, *pages = rebounce_many([["--help"], *([*command.split(), "--help"] for command in commands)])
    for command, page in zip(commands, pages, strict=True):
        assert page.code == 0
        assert f"rebounce {command}" in page.out.partition("Example")[2]
        assert command.split()[0] in overview.out


def test_an_unknown_command_is_answered_with_the_nearest() -> None:
    near, far = rebounce_many([["restor", "mix.wav"], ["xyzzy"]])
    assert (near.code, near.out, "Did you mean 'restore'?" in near.err) == (2, "", True)
    assert (far.code, "No such command 'xyzzy'" in far.err) == (2, True)


def test_a_reader_that_leaves_early_ends_the_program_quietly(mixes: Path, tmp_path: Path) -> None:
    call = [sys.executable, "-m", "rebounce", "restore", str(mixes), "-o", str(tmp_path), "--json"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["status"] == "unchanged"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert parts(tmp_path) == []

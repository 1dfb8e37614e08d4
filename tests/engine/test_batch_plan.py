"""Which files a batch takes, and where their results go."""

import sys
from pathlib import Path

import pytest

from rebounce.engine.batch_plan import Item, plan_batch, read_input_list
from rebounce.engine.errors import UsageError
from rebounce.engine.history import Origin, remember, sha256_of


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def plan(*inputs: Path | str, output: Path, file_format: str = "keep") -> list[Item]:
    return plan_batch([str(path) for path in inputs], output, file_format)


def names(items: list[Item], root: Path) -> list[str]:
    return [str(item.target.relative_to(root)) for item in items if not item.error and not item.skipped]


def test_a_folder_keeps_its_tree_and_a_file_its_name(tmp_path: Path) -> None:
    touch(tmp_path / "in/b/mix.wav", tmp_path / "in/a/mix.wav", tmp_path / "in/top.FLAC", tmp_path / "in/notes.txt")
    out = tmp_path / "out"
    assert names(plan(tmp_path / "in", output=out), out) == ["a/mix.wav", "b/mix.wav", "top.FLAC"]
    assert names(plan(tmp_path / "in/a/mix.wav", output=out), out) == ["mix.wav"]


def test_several_folders_are_rebuilt_from_where_they_part(tmp_path: Path) -> None:
    touch(tmp_path / "a/mix.wav", tmp_path / "b/mix.wav")
    out = tmp_path / "out"
    assert names(plan(tmp_path / "a", tmp_path / "b", output=out), out) == ["a/mix.wav", "b/mix.wav"]


def test_two_inputs_with_one_target_are_both_errors(tmp_path: Path) -> None:
    first, second = tmp_path / "a/mix.wav", tmp_path / "b/mix.wav"
    touch(first, second, tmp_path / "c/other.wav")
    items = plan(first, second, tmp_path / "c/other.wav", output=tmp_path / "out")
    assert [str(second) in str(items[0].error), str(first) in str(items[1].error)] == [True, True]
    assert items[2].error is None


def test_an_input_that_is_named_twice_is_taken_once(tmp_path: Path) -> None:
    touch(tmp_path / "in/a.wav", tmp_path / "in/b.wav")
    items = plan(tmp_path / "in", tmp_path / "in/a.wav", tmp_path / "in/../in/b.wav", output=tmp_path / "out")
    assert [(item.source.name, item.error) for item in items] == [("a.wav", None), ("b.wav", None)]


def test_deltas_and_saved_chains_do_not_tell_equal_stems_apart(tmp_path: Path) -> None:
    touch(tmp_path / "in/mix.wav", tmp_path / "in/mix.flac", tmp_path / "in/other.wav")
    for asked in ({"delta": tmp_path / "delta"}, {"saves_chain": True}):
        items = plan_batch([str(tmp_path / "in")], tmp_path / "out", **asked)
        assert ["delta or saved chain" in str(item.error) for item in items] == [True, True, False]
    assert all(item.error is None for item in plan(tmp_path / "in", output=tmp_path / "out"))


def test_a_delta_folder_inside_the_tree_holds_no_inputs(tmp_path: Path) -> None:
    touch(tmp_path / "mix.wav", tmp_path / "delta/mix.wav")
    items = plan_batch([str(tmp_path)], tmp_path / "out", delta=tmp_path / "delta")
    assert [item.source.name for item in items] == ["mix.wav"]


def test_a_result_of_an_earlier_run_is_no_input_where_it_would_replace_itself(tmp_path: Path) -> None:
    touch(tmp_path / "mix.wav", tmp_path / "mix.flac", tmp_path / "own.flac")
    origin = Origin(input_sha256="1", preset_hash="2", version="3")
    remember(tmp_path, tmp_path / "mix.flac", origin, sha256_of(tmp_path / "mix.flac"))
    flac, wav, own = plan(tmp_path, output=tmp_path, file_format="flac")
    assert flac.skipped is not None
    assert (wav.error, wav.skipped) == (None, None)
    assert "would replace the input" in str(own.error)


def test_a_lossy_file_and_a_wav_of_one_name_clash(tmp_path: Path) -> None:
    touch(tmp_path / "in/mix.mp3", tmp_path / "in/mix.wav")
    assert all(item.error for item in plan(tmp_path / "in", output=tmp_path / "out"))


def test_lossy_files_come_back_as_wav_and_unchanged_ones_as_they_are(tmp_path: Path) -> None:
    touch(tmp_path / "mix.mp3")
    (item,) = plan(tmp_path / "mix.mp3", output=tmp_path / "out")
    assert (item.target.name, item.copy_target.name) == ("mix.wav", "mix.mp3")
    (item,) = plan(tmp_path / "mix.mp3", output=tmp_path / "out", file_format="flac")
    assert (item.target.name, item.copy_target.name) == ("mix.flac", "mix.flac")


def test_a_result_never_replaces_its_input(tmp_path: Path) -> None:
    touch(tmp_path / "mix.wav")
    (item,) = plan(tmp_path / "mix.wav", output=tmp_path)
    assert "would replace the input" in str(item.error)
    (item,) = plan(tmp_path / "mix.wav", output=tmp_path, file_format="flac")
    assert item.error is None


def test_an_output_folder_inside_the_tree_holds_no_inputs(tmp_path: Path) -> None:
    touch(tmp_path / "mix.wav", tmp_path / "out/old.wav", tmp_path / ".rebounce/x.wav")
    assert names(plan(tmp_path, output=tmp_path / "out"), tmp_path / "out") == ["mix.wav"]


def test_resource_forks_are_skipped_and_hidden_files_not_seen(tmp_path: Path) -> None:
    touch(tmp_path / "in/._mix.wav", tmp_path / "in/.hidden.wav", tmp_path / "in/.mix.wav.rebounce.part")
    (item,) = plan(tmp_path / "in", output=tmp_path / "out")
    assert item.source.name == "._mix.wav"
    assert item.skipped is not None


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_an_output_or_input_that_leads_to_itself_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.wav").touch()
    (tmp_path / "in/b.wav").symlink_to("b.wav")
    items = plan_batch([str(tmp_path / "in")], tmp_path / "loop", "keep")
    assert "a.wav" in {item.source.name for item in items if item.error is None}


def test_a_folder_loop_is_an_error_and_the_rest_is_done(tmp_path: Path) -> None:
    touch(tmp_path / "in/a/mix.wav")
    (tmp_path / "in/a/again").symlink_to(tmp_path / "in")
    items = plan(tmp_path / "in", output=tmp_path / "out")
    assert [item.source.name for item in items if not item.error] == ["mix.wav"]
    assert [("folder loop" in str(item.error)) for item in items if item.error] == [True]


def test_globs_are_expanded_and_a_name_that_is_one_is_taken_as_it_is(tmp_path: Path) -> None:
    touch(tmp_path / "mix [1].wav", tmp_path / "mix 2.wav")
    assert len(plan(tmp_path / "*.wav", output=tmp_path / "out")) == 2
    assert len(plan(tmp_path / "mix [1].wav", output=tmp_path / "out")) == 1


def test_a_missing_input_is_an_error_of_its_own(tmp_path: Path) -> None:
    touch(tmp_path / "mix.wav")
    missing, present = plan(tmp_path / "gone.wav", tmp_path / "mix.wav", output=tmp_path / "out")
    assert "found nothing" in str(missing.error)
    assert present.error is None


def test_an_input_list_passes_over_comments(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("\ufeff# mixes\n\na b.wav\n  c.wav  \n", encoding="utf-8")
    assert read_input_list(path) == ["a b.wav", "c.wav"]
    with pytest.raises(UsageError, match="one path a line"):
        read_input_list(tmp_path / "gone.txt")

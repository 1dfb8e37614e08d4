"""What is written beside a result on request."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from signals import noise

from rebounce.engine.by_products import chain_name, chain_path, delta_path, refuse_strangers
from rebounce.engine.delta import write_delta
from rebounce.engine.errors import OutputError, UnsupportedAudio
from rebounce.engine.job import Job, Options
from rebounce.engine.source import open_source

RATE = 44_100


def job(out: Path, name: str, is_forced: bool = False) -> Job:
    options = Options(delta=out.parent / "delta", saves_chain=True)
    target = out / name
    return Job(
        source=out.parent / "in.wav", target=target, copy_target=target, root=out, options=options, is_forced=is_forced
    )


def test_they_lie_in_the_tree_of_the_results_and_are_named_by_the_stem(tmp_path: Path) -> None:
    asked = job(tmp_path / "out", "a/b/mix.flac")
    assert delta_path(asked) == tmp_path / "delta/a/b/mix.wav"
    assert chain_path(asked) == tmp_path / "out/a/b/mix.chain.toml"
    nothing = Job(source=asked.source, target=asked.target, copy_target=asked.target)
    assert (delta_path(nothing), chain_path(nothing)) == (None, None)


@pytest.mark.parametrize("stem", ["n" * 250, "夜" * 83])
def test_a_name_too_long_for_its_suffix_is_shortened_and_stays_apart_from_others(stem: str) -> None:
    names = {chain_name(stem), chain_name(stem[:-1] + "x")}
    assert len(names) == 2
    assert all(len(os.fsencode(name)) <= 255 and name.endswith(".chain.toml") for name in names)
    assert chain_name("n" * 244) == "n" * 244 + ".chain.toml"


@pytest.mark.parametrize("stranger", ["delta/mix.wav", "out/mix.chain.toml"])
def test_a_strangers_file_in_their_place_is_an_error_unless_forced(tmp_path: Path, stranger: str) -> None:
    refuse_strangers(job(tmp_path / "out", "mix.wav"))
    (tmp_path / stranger).parent.mkdir()
    (tmp_path / stranger).touch()
    with pytest.raises(OutputError, match="--force"):
        refuse_strangers(job(tmp_path / "out", "mix.wav"))
    refuse_strangers(job(tmp_path / "out", "mix.wav", is_forced=True))


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("subtypes", [("PCM_16", "PCM_16"), ("PCM_24", "FLOAT"), ("DOUBLE", "PCM_24")])
def test_a_delta_is_exact_to_float32(tmp_path: Path, channels: int, subtypes: tuple[str, str]) -> None:
    paths = [tmp_path / "before.wav", tmp_path / "after.wav"]
    for path, subtype, seed in zip(paths, subtypes, (1, 2), strict=True):
        soundfile.write(path, noise(70_000, channels, seed=seed).T, RATE, subtype=subtype)
    with open_source(paths[0]) as source:
        write_delta(source, paths[1], tmp_path / "new/delta.wav", replaces=False)
    before, after = (soundfile.read(path, always_2d=True)[0] for path in paths)
    delta = soundfile.read(tmp_path / "new/delta.wav", dtype="float32", always_2d=True)[0]
    assert np.array_equal(delta, (before - after).astype(np.float32))


def test_files_of_other_lengths_have_no_delta(tmp_path: Path) -> None:
    for name, frames in (("before.wav", 1000), ("after.wav", 1152)):
        soundfile.write(tmp_path / name, noise(frames).T, RATE)
    with (
        open_source(tmp_path / "before.wav") as source,
        pytest.raises(UnsupportedAudio, match="1152 frames and the input has 1000"),
    ):
        write_delta(source, tmp_path / "after.wav", tmp_path / "delta.wav", replaces=False)
    assert not (tmp_path / "delta.wav").exists()
    assert list(tmp_path.glob("*.part")) == []

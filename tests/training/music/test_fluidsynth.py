"""Mixes played by the real fluidsynth; with REBOUNCE_REQUIRE_FLUIDSYNTH=1 its absence is a failure."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.training.music import STEMS, Mix, make_mix, premix
from rebounce.training.music.bus import through_bus
from rebounce.training.music.fluidsynth import FluidSynth, installed_sound_font
from rebounce.training.music.players import Synthesisers

RATE = 44_100
SEED = 3


@pytest.fixture(scope="module")
def player() -> FluidSynth:
    try:
        return FluidSynth(sound_font=installed_sound_font())
    except UsageError as problem:
        if os.environ.get("REBOUNCE_REQUIRE_FLUIDSYNTH") == "1":
            pytest.fail(str(problem))
        pytest.skip(str(problem))


@pytest.fixture(scope="module")
def mix(player: FluidSynth) -> Mix:
    return make_mix(SEED, 12.0, style="pop", player=player)


def level_db(audio: Audio) -> float:
    return float(10 * np.log10(np.mean(audio.astype(np.float64) ** 2) + 1e-20))


def test_a_mix_has_its_exact_length_and_every_stem_sounds(mix: Mix) -> None:
    assert mix.audio.shape == (2, 12 * RATE)
    assert np.all(np.isfinite(mix.audio))
    assert set(mix.stems) == set(STEMS)
    assert all(level_db(stem) > level_db(premix(mix.stems)) - 30.0 for stem in mix.stems.values())


def test_the_stems_sum_to_what_goes_through_the_bus(mix: Mix) -> None:
    assert np.array_equal(through_bus(premix(mix.stems), RATE, mix.bus), mix.audio)


def test_the_same_seed_gives_the_same_samples(mix: Mix, player: FluidSynth) -> None:
    again = make_mix(SEED, 12.0, style="pop", player=player)
    assert np.array_equal(again.audio, mix.audio)


def test_it_is_the_piece_that_our_own_synthesisers_play(mix: Mix) -> None:
    ours = make_mix(SEED, 12.0, style="pop")
    assert (ours.score, ours.bus) == (mix.score, mix.bus)
    assert abs(np.corrcoef(ours.audio[0], mix.audio[0])[0, 1]) < 0.9


def test_a_drum_sounds_when_it_is_written(mix: Mix, player: FluidSynth) -> None:
    score, frames = mix.score, mix.audio.shape[1]
    theirs = player.perform(score, frames, RATE, np.random.default_rng(0))["drums"]
    first = min(hit.start_s for hit in score.hits)
    loud = np.flatnonzero(np.abs(theirs).max(axis=0) > 0.05 * np.abs(theirs).max())
    assert loud[0] / RATE == pytest.approx(first, abs=0.012)


def test_a_part_that_rests_is_silent(mix: Mix, player: FluidSynth) -> None:
    parts = player.perform(mix.score, 2 * RATE, RATE, np.random.default_rng(0))
    ours = Synthesisers().perform(mix.score, 2 * RATE, RATE, np.random.default_rng(0))
    assert set(parts) == set(ours)
    for part, sound in parts.items():
        assert sound.shape == (2, 2 * RATE)
        starts = [note.start_s for note in mix.score.notes.get(part, ())]
        if part != "drums" and not [start for start in starts if start < 2.0]:
            assert not np.any(np.abs(sound) > 1e-4)


def test_a_rate_that_it_cannot_play_at_is_said(mix: Mix, player: FluidSynth) -> None:
    with pytest.raises(UsageError, match="at 192000 Hz: fluidsynth plays at 96000 Hz at most"):
        make_mix(SEED, 5.0, 192_000, player=player)


def test_a_file_that_is_no_sound_font_is_said(player: FluidSynth, tmp_path: Path) -> None:
    false = tmp_path / "false.sf2"
    false.write_bytes(b"no sound font at all")
    with pytest.raises(UsageError, match=r"false\.sf2: expected a General MIDI sound font, .*try another"):
        make_mix(SEED, 5.0, player=FluidSynth(sound_font=false))


def test_what_is_missing_is_said_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"no sound font found in .*apt install fluidsynth timgm6mb-soundfont"):
        installed_sound_font([tmp_path])
    if shutil.which("fluidsynth"):
        with pytest.raises(UsageError, match=r"none\.sf2: expected a sound font .*apt install"):
            FluidSynth(sound_font=tmp_path / "none.sf2")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"the command fluidsynth is not installed; .*apt install"):
        FluidSynth(sound_font=tmp_path / "none.sf2")

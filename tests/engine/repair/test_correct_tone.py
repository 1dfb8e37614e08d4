"""CorrectTone gives a mix the tone and level of its reference, and without one moves little or nothing."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.engine.loudness import LoudnessMeter
from rebounce.engine.repair.correct_tone import BLIND_LIMIT_DB, CorrectTone
from rebounce.engine.repair.tone_spectrum import CELLS_PER_THIRD, THIRDS, Floats, tone_of
from rebounce.training.faults.fault import apply_fault
from rebounce.training.faults.registry import fault_named
from rebounce.training.music import make_mix

RATE = 44_100


def thirds_db(audio: Audio, rate_hz: float = RATE) -> Floats:
    spectrum = tone_of([audio], rate_hz)
    assert spectrum is not None
    return np.asarray(10 * np.log10(spectrum.summed().reshape(THIRDS, CELLS_PER_THIRD).sum(axis=1) + 1e-30))


def tone_error_db(audio: Audio, wanted: Audio) -> float:
    """Root mean square over the thirds from 25 Hz to 16 kHz that can be heard, levels matched."""
    levels_db = thirds_db(wanted)[1:-1]
    off_db = thirds_db(audio)[1:-1] - levels_db
    return float(np.std(off_db[levels_db > levels_db.max() - 60]))


def lufs(audio: Audio, rate_hz: float = RATE) -> float:
    meter = LoudnessMeter(rate_hz, len(audio))
    meter.add(audio)
    found = meter.integrated_lufs()
    assert found is not None
    return found


def written(path: Path, audio: Audio, rate_hz: int = RATE) -> Path:
    soundfile.write(path, audio.T, rate_hz, subtype="FLOAT")
    return path


@pytest.fixture(scope="module")
def clean() -> Audio:
    return make_mix(3, 20.0, RATE).audio


@pytest.fixture(scope="module")
def bent(clean: Audio) -> Audio:
    """The first half with two bumps and a shelf, 4 dB softer."""
    filters = [
        {"kind": "peak", "frequency_hz": 300.0, "gain_db": 8.0, "q": 1.0},
        {"kind": "peak", "frequency_hz": 3_000.0, "gain_db": -9.0, "q": 2.0},
        {"kind": "high_shelf", "frequency_hz": 6_000.0, "gain_db": -6.0, "q": 0.7},
    ]
    damaged = apply_fault(fault_named("eq"), clean[:, : 10 * RATE], RATE, {"filters": filters})
    return damaged * np.float32(10 ** (-4 / 20))


@pytest.fixture(scope="module")
def other_half(clean: Audio, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("reference") / "ref.wav", clean[:, 10 * RATE :])


def test_tone_and_level_become_those_of_the_reference(clean: Audio, bent: Audio, other_half: Path) -> None:
    plugin = CorrectTone(reference=other_half)
    made = plugin(bent, RATE)
    reference = clean[:, 10 * RATE :]
    assert tone_error_db(bent, reference) > 3
    assert tone_error_db(made, reference) < 0.2
    assert lufs(made) == pytest.approx(lufs(reference), abs=0.1)
    assert made.shape == bent.shape
    first, second = plugin.notes()
    assert first.startswith("tone matched to ref.wav, mid by ")
    assert second == f"level by {plugin.analysis.gain_db:+.1f} dB"


def test_the_clean_original_comes_nearer_too(clean: Audio, bent: Audio, other_half: Path) -> None:
    original = clean[:, : 10 * RATE]
    assert tone_error_db(CorrectTone(reference=other_half)(bent, RATE), original) < tone_error_db(bent, original) / 2


def test_with_the_original_itself_as_reference_the_fault_is_undone(clean: Audio, bent: Audio, tmp_path: Path) -> None:
    original = clean[:, : 10 * RATE]
    made = CorrectTone(reference=written(tmp_path / "original.wav", original))(bent, RATE)
    assert tone_error_db(made, original) < 0.1
    assert lufs(made) == pytest.approx(lufs(original), abs=0.1)


def test_without_level_the_loudness_stays(bent: Audio, other_half: Path) -> None:
    made = CorrectTone(reference=other_half, level=False)(bent, RATE)
    assert lufs(made) == pytest.approx(lufs(bent), abs=0.1)


def test_half_the_strength_is_half_the_way_in_decibels(bent: Audio, other_half: Path) -> None:
    whole, half = CorrectTone(reference=other_half), CorrectTone(reference=other_half, strength=0.5)
    moves_db = [thirds_db(plugin(bent, RATE)) - thirds_db(bent) for plugin in (whole, half)]
    np.testing.assert_allclose(moves_db[1][6:28], moves_db[0][6:28] / 2, atol=0.7)


def test_the_same_file_leaves_bit_identical(clean: Audio, tmp_path: Path) -> None:
    plugin = CorrectTone(reference=written(tmp_path / "same.wav", clean))
    np.testing.assert_array_equal(plugin(clean, RATE), clean)
    assert plugin.notes() == ["tone matched to same.wav: nothing to change"]


def test_the_same_file_at_another_level_is_only_turned_up(clean: Audio, tmp_path: Path) -> None:
    plugin = CorrectTone(reference=written(tmp_path / "louder.wav", clean * np.float32(2)))
    np.testing.assert_allclose(plugin(clean, RATE), clean * np.float32(10 ** (6.02 / 20)), rtol=1e-5)


@pytest.mark.parametrize(("channels", "rate_hz"), [(1, 44_100), (2, 22_050), (6, 48_000)])
def test_a_reference_of_any_shape_serves(bent: Audio, tmp_path: Path, channels: int, rate_hz: int) -> None:
    reference = np.cumsum(noise(5 * rate_hz, channels, level=0.01), axis=1)
    reference -= reference.mean(axis=1, keepdims=True)
    plugin = CorrectTone(reference=written(tmp_path / "ref.wav", reference, rate_hz), limit_db=24)
    made = plugin(bent, RATE)
    # All third octaves from 100 Hz to 8 kHz.
    off_db = (thirds_db(made) - thirds_db(reference, rate_hz))[7:27]
    assert np.std(off_db) < 0.2
    # The loudness is foretold from the spectrum, less exactly for a move of 40 dB than for one of a few.
    from_both = np.repeat(reference, 2, axis=0) if channels == 1 else reference
    assert lufs(made) == pytest.approx(lufs(from_both, rate_hz), abs=0.4)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_no_pair_gets_one_curve(bent: Audio, other_half: Path, channels: int) -> None:
    audio = np.concatenate([bent[:1]] * channels)
    made = CorrectTone(reference=other_half)(audio, RATE)
    for row in made:
        np.testing.assert_array_equal(row, made[0])
    assert tone_error_db(made, soundfile.read(other_half, dtype="float32", always_2d=True)[0].T) < 0.15


@pytest.mark.parametrize("reference", [None, "ref"])
@pytest.mark.parametrize(
    "audio",
    [
        np.zeros((2, 3 * RATE), dtype=np.float32),
        noise(319),
        noise(1),
        noise(0),
    ],
    ids=["silence", "319 frames", "one frame", "no frames"],
)
def test_what_has_no_tone_leaves_bit_identical(audio: Audio, reference: str | None, other_half: Path) -> None:
    plugin = CorrectTone(reference=other_half if reference else None)
    np.testing.assert_array_equal(plugin(audio, RATE), audio)


@pytest.mark.parametrize(
    "audio",
    [
        tone(440, RATE),
        noise(RATE, level=1e-6),
        noise(RATE, level=1e6),
        noise(RATE, 1) * np.array([[1], [-1]], dtype=np.float32),
    ],
    ids=["sine", "faint", "huge", "opposed"],
)
@pytest.mark.parametrize("rate_hz", [8_000, 192_000])
def test_odd_signals_come_back_as_numbers(audio: Audio, rate_hz: int, other_half: Path) -> None:
    for plugin in (CorrectTone(reference=other_half), CorrectTone()):
        made = plugin(audio, rate_hz)
        assert made.shape == audio.shape
        assert np.isfinite(made).all()


# Without a reference.


def test_blind_moves_stay_within_their_limit_and_keep_the_loudness(clean: Audio) -> None:
    shelf = {"kind": "high_shelf", "frequency_hz": 2_000.0, "gain_db": 18.0, "q": 0.7}
    shrill = apply_fault(fault_named("eq"), clean, RATE, {"filters": [shelf]})
    plugin = CorrectTone()
    made = plugin(shrill, RATE)
    assert tone_error_db(made, clean) < tone_error_db(shrill, clean) - 0.1
    assert np.ptp(plugin.analysis.mid_db) <= 2 * BLIND_LIMIT_DB
    assert np.ptp(plugin.analysis.mid_db) > 1
    assert lufs(made) == pytest.approx(lufs(shrill), abs=0.1)
    assert plugin.analysis.mid_db == plugin.analysis.side_db


def test_ordinary_music_is_not_moved_blindly(clean: Audio) -> None:
    plugin = CorrectTone(limit_db=0)
    np.testing.assert_array_equal(plugin(clean, RATE), clean)
    assert plugin.notes() == ["tone moved towards the spread of released music: nothing to change"]


# As a plugin.


@pytest.fixture(scope="module")
def pinned(bent: Audio, other_half: Path) -> CorrectTone:
    plugin = CorrectTone(reference=other_half)
    plugin.analyse([bent], RATE)
    return plugin


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 90_000), min_size=1, max_size=3), channels=st.integers(1, 3))
def test_the_block_size_does_not_matter(pinned: CorrectTone, sizes: list[int], channels: int) -> None:
    audio = noise(2 * RATE + 77, channels)
    whole = pinned(audio, RATE)
    pieces = [pinned.process(block, RATE, reset=False) for block in cut(audio, sizes)]
    np.testing.assert_array_equal(np.concatenate([*pieces, pinned.flush()], axis=1), whole)
    assert not np.array_equal(whole, audio)


def test_nothing_moves_in_time(pinned: CorrectTone) -> None:
    audio = np.zeros((2, 2 * RATE), dtype=np.float32)
    audio[:, RATE] = 0.5
    assert np.argmax(np.abs(pinned(audio, RATE)[0])) == RATE


def test_a_saved_one_needs_its_reference_no_more(pinned: CorrectTone, bent: Audio) -> None:
    table = pinned.to_dict() | {"reference": "/no/longer/there.wav"}
    again = CorrectTone.from_dict(table)
    again.prepare()
    np.testing.assert_array_equal(again(bent, RATE), pinned(bent, RATE))


def test_no_strength_is_no_change_and_reads_no_reference(bent: Audio) -> None:
    plugin = CorrectTone(reference="/not/there.wav", strength=0)
    plugin.prepare()
    np.testing.assert_array_equal(plugin(bent, RATE), bent)


def test_a_reference_that_cannot_be_read_is_said_before_any_audio(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"reference .*gone.wav: cannot be read"):
        CorrectTone(reference=tmp_path / "gone.wav").prepare()


def test_the_content_of_the_reference_is_part_of_what_a_result_is(tmp_path: Path) -> None:
    paths = [
        written(tmp_path / name, noise(2 * RATE, seed=seed))
        for name, seed in (("a.wav", 1), ("b.wav", 1), ("c.wav", 2))
    ]
    first, again, other = (CorrectTone(reference=path).identity() for path in paths)
    assert first == again != other
    assert CorrectTone().identity() != first

"""A whole evaluation without the command line: what every system gets, and what comes of failures."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import GAIN, chain, write
from signals import noise

from rebounce.engine.errors import ChainError
from rebounce.engine.onnx_runtime import default_threads, share_cores
from rebounce.training.codecs import CodecChoice
from rebounce.training.evaluation.bench import Bench, Preset, presets_under_test
from rebounce.training.evaluation.groups import fault_groups
from rebounce.training.evaluation.run import Evaluation, Plan, _share, evaluate, trials_of
from rebounce.training.evaluation.systems import Missing, bounds, restored, results
from rebounce.training.evaluation.trial import Trial, measure, outputs, pair_of
from rebounce.training.tracks import find_tracks

FEW = ("snr_db", "si_sdr_db", "log_spectral_distance_db", "mel_distance_db")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tracks, stereo and mono, and a chain that is 6 dB up."""
    folder = tmp_path_factory.mktemp("tracks")
    write(folder / "clean" / "one.wav", noise(3 * 44_100))
    write(folder / "clean" / "two.wav", noise(2 * 8_000, 1, seed=1), rate_hz=8_000)
    chain(folder / "up.toml", GAIN.format(gain_db=6))
    return folder


def bench(folder: Path, *presets: str | Path) -> Bench:
    chosen = [(str(preset), preset) for preset in presets]
    return Bench(presets=presets_under_test(chosen, []), codec=None, scores=FEW, seconds=1.0)


def plan(folder: Path, *presets: str | Path, faults: tuple[str, ...] = ("gain",), items: int = 1) -> Plan:
    tracks = find_tracks([folder / "clean"]).tracks
    return Plan(
        tracks=tuple(tracks),
        groups=tuple(fault_groups(faults)),
        bench=bench(folder, *presets),
        seed=3,
        items=items,
        harm_target=0.95,
        asked={},
    )


def ran(wanted: Plan) -> Evaluation:
    return evaluate(wanted, 1, lambda name: None)


def trial(wanted: Plan, group: str = "gain") -> Trial:
    return next(trial for trial in trials_of(wanted) if trial.group == group)


def test_items_come_group_by_group_with_one_seed_after_another(folder: Path) -> None:
    told = [(trial.group, trial.track.path.stem, trial.seed) for trial in trials_of(plan(folder, "bypass", items=2))]
    pairs = [(name, seed) for name in ("one", "two") for seed in (3, 4)]
    assert told == [(group, *pair) for group in ("gain", "clean") for pair in pairs]
    assert {trial.group for trial in trials_of(plan(folder))} == {"gain"}


def test_every_preset_gets_the_very_same_damage(folder: Path) -> None:
    one = trial(plan(folder, "bypass", folder / "up.toml"))
    given = dict(outputs(one, pair_of(one)))
    assert list(given) == ["damaged", "bypass", "up", "oracle: parameters known", "oracle: clean magnitude"]
    audio = {name: output for name, output in given.items() if not isinstance(output, Missing)}
    assert np.array_equal(audio["damaged"], audio["bypass"])
    assert np.allclose(audio["up"], audio["damaged"] * np.float32(10 ** (6 / 20)), atol=1e-6)


def test_clean_audio_meets_presets_only(folder: Path) -> None:
    audit = trial(plan(folder, "bypass"), "clean")
    pair = pair_of(audit)
    assert np.array_equal(pair.clean, pair.damaged)
    assert [name for name, _ in outputs(audit, pair)] == ["damaged", "bypass"]


@pytest.mark.parametrize("fault", ["gain", "eq", "echo", "level_ride", "narrow"])
def test_known_parameters_undo_what_can_be_undone_from_before_the_cut_on(folder: Path, fault: str) -> None:
    for seed in range(6):
        one = replace(trial(plan(folder, faults=(fault,)), fault), seed=seed)
        pair = pair_of(one)
        found = dict(bounds(one.track, pair, None))["oracle: parameters known"]
        if not isinstance(found, Missing):
            assert np.abs(found - pair.clean).max() < 1e-4
            return
        assert not found.is_failure
    pytest.fail(f"{fault} was never undone")


def test_what_cannot_be_undone_is_absent_and_no_failure(folder: Path) -> None:
    one = trial(plan(folder, faults=("clipping",)), "clipping")
    found = dict(bounds(one.track, pair_of(one), None))["oracle: parameters known"]
    assert isinstance(found, Missing)
    assert not found.is_failure


def test_a_preset_that_breaks_is_a_failure_that_says_why(folder: Path) -> None:
    broken = Preset(name="broken", source="", chain='{"chain": [{"plugin": "Nothing"}]}', sha256="")
    pair = pair_of(trial(plan(folder)))
    found = restored(broken, pair)
    assert isinstance(found, Missing)
    assert found.is_failure
    assert "Nothing" in found.message
    assert [name for name, _ in results(pair, bench(folder))] == ["damaged"]


def test_presets_are_told_apart_and_checked_at_once(folder: Path, tmp_path: Path) -> None:
    twin = chain(tmp_path / "up.toml", GAIN.format(gain_db=-6))
    first, second, third = presets_under_test(
        [("here/up.toml", folder / "up.toml"), ("there/up.toml", twin), ("bypass", "bypass")], []
    )
    assert (first.name, second.name, third.name) == ("here/up.toml", "there/up.toml", "bypass")
    assert first.sha256 != second.sha256
    assert len(presets_under_test([("bypass", "bypass")] * 2, [])) == 1
    link = tmp_path / "link.toml"
    link.symlink_to(twin)
    paths = [twin, tmp_path / ".." / tmp_path.name / "up.toml", link]
    (once,) = presets_under_test([(str(path), path) for path in paths], [])
    assert (once.name, once.source) == ("up", str(twin))
    with pytest.raises(ChainError, match="did you mean 'bypass'"):
        presets_under_test([("bypas", Path("bypas"))], [])


def test_a_preset_that_is_called_like_another_row_gets_its_path_as_a_name(tmp_path: Path) -> None:
    path = chain(tmp_path / "damaged.toml", GAIN.format(gain_db=1))
    (preset,) = presets_under_test([(str(path), path)], [])
    assert preset.name == str(path)


def test_measuring_twice_gives_the_same(folder: Path) -> None:
    one = trial(plan(folder, folder / "up.toml"))
    first, second = measure(one), measure(one)
    assert first == second
    assert first.seconds == 1.0
    assert (first.outcomes["up"].change_dbfs or 0) > -40


def test_a_file_that_is_gone_costs_its_items_and_is_named(folder: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "clean" / "gone.wav", noise(44_100))
    write(tmp_path / "clean" / "here.wav", noise(44_100, seed=2))
    wanted = plan(tmp_path, "bypass")
    path.unlink()
    found = ran(wanted)
    assert [item.track.path.name for item in found.items] == ["here.wav", "here.wav"]
    assert len(found.problems) == 2
    assert all("gone.wav" in problem for problem in found.problems)
    assert (found.sections[0].items, found.harms[0].identical.tracks) == (1, 1)


def test_failures_of_a_preset_are_told_three_times_and_then_counted(folder: Path) -> None:
    broken = Preset(name="broken", source="", chain='{"chain": [{"plugin": "Nothing"}]}', sha256="")
    wanted = replace(plan(folder, items=3), bench=replace(bench(folder), presets=(broken,), seconds=0.5))
    found = ran(wanted)
    assert len(found.problems) == 4
    assert found.problems[-1] == "broken failed on 9 more items"
    assert found.summaries["broken"] is not None
    assert found.summaries["broken"].average_score == -1.0


def test_without_items_there_are_no_numbers(folder: Path) -> None:
    found = ran(replace(plan(folder), groups=()))
    assert (found.sections, found.items, found.harms, found.problems) == ((), (), (), ())


def test_what_the_codec_cannot_encode_is_scored_and_has_no_tokens(folder: Path, tmp_path: Path) -> None:
    from rebounce.training.encodec_weights import random_weights, save_weights

    save_weights(tmp_path / "random.safetensors", random_weights(0))
    codec = CodecChoice(name="encodec", weights=tmp_path / "random.safetensors", bandwidth_kbps=3.0)
    loud = chain(tmp_path / "loud.toml", GAIN.format(gain_db=120) * 4)
    wanted = plan(folder, "bypass", loud)
    wanted = replace(wanted, tracks=wanted.tracks[:1], bench=replace(wanted.bench, codec=codec, seconds=0.5))
    found = ran(wanted)
    item, audited = found.items
    assert item.outcomes["loud"].scores["snr_db"] == -120
    assert item.tokens is not None
    assert item.tokens.histogram is None  # added to the others, and let go
    assert item.tokens.accuracy["loud"] is None
    assert item.tokens.accuracy["bypass"] == item.tokens.accuracy["damaged"] is not None
    assert [row.undefined for row in found.sections[0].tokens] == [0, 0, 1]
    assert found.usage is not None
    assert found.usage.tokens == (75, 75)  # half a second at 150 a second
    assert audited.tokens is None
    assert found.problems == ()


def test_several_processes_keep_to_their_part_of_the_machine() -> None:
    alone = default_threads() or os.cpu_count() or 1
    try:
        _share(2, has_codec=False)
        assert default_threads() == max(1, alone // 2)
    finally:
        share_cores(1)

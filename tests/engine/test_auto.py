"""Auto with detectors and repairs that are small enough to be foreseen."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise

from rebounce.engine.audio import Audio
from rebounce.engine.auto import Auto
from rebounce.engine.board import Board
from rebounce.engine.errors import NotAnalysed, PluginError, UsageError
from rebounce.engine.inspection.finding import LEFT, NOTHING_FOUND, REDUCED, REMOVED, Diagnosis, Finding
from rebounce.engine.parameters import Number
from rebounce.engine.plugin import Plugin
from rebounce.engine.repair.scope import EVERYWHERE, Scope
from rebounce.engine.stream import Kernel, Timing

RATE = 44_100
OFFSET = 0.25
HIDING_PEAK = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """What was added to every sample."""

    offset: float


class Lower(Plugin):
    """Takes a constant away; `fails` and `overdoes` are what a repair must not do."""

    needs_analysis = True
    analysis_type = Offset
    strength = Number(0.0, 1.0)
    region: ClassVar[Scope] = EVERYWHERE
    share: ClassVar[float] = 1.0
    fails: ClassVar[bool] = False

    def __init__(self, *, strength: float = 1.0) -> None:
        super().__init__(strength=strength)

    def measure(self, blocks: Iterable[Audio], sample_rate_hz: float) -> Offset:
        return Offset(offset=float(np.mean(np.concatenate(list(blocks), axis=1))))

    def timing(self, sample_rate_hz: float) -> Timing:
        return Timing(takes_many=True)

    def scope(self, sample_rate_hz: float) -> Scope:
        return self.region

    def notes(self) -> list[str]:
        return [f"lowered by {self.analysis.offset:.2f}"]

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        if self.fails:
            raise PluginError("Lower: broken on purpose")
        return lambda block: block - np.float32(self.analysis.offset * self.strength * self.share)


class Softer(Lower):
    """Takes half of the level away."""

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        return lambda block: block * np.float32(0.5)


class HalfLower(Lower):
    share = 0.5


class WildLower(Lower):
    """Says it works above 1 kHz only, and changes the mean."""

    region = Scope(bands_hz=((1_000.0, 22_050.0),))


class StretchLower(Lower):
    """Says it works on the first frames only."""

    region = Scope(stretches=((0, 1_000),))


LATE_FRAMES = 100


class LateLower(Lower):
    """Waits for what comes after a frame, and makes nothing of it."""

    def timing(self, sample_rate_hz: float) -> Timing:
        return Timing(block_frames=512, after_frames=LATE_FRAMES)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        lower = super().kernel(sample_rate_hz, channels)
        return lambda window: lower(window[:, :-LATE_FRAMES])


class TellingLower(Lower):
    """Knows what it did only after it was done."""

    lowered_by = 0.0

    def notes(self) -> list[str]:
        return [f"lowered by {self.lowered_by:.3f}"] if self.lowered_by else []

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        self.lowered_by = self.analysis.offset * self.strength
        return super().kernel(sample_rate_hz, channels)


class FailingLower(Lower):
    fails = True


class OffsetDetector:
    """Sees a mean that is not 0."""

    name: ClassVar[str] = "offset"
    repairs_with: ClassVar[type[Lower]] = Lower

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._sum, self._count = 0.0, 0

    def see(self, block: Audio) -> None:
        self._sum += float(block.sum(dtype=np.float64))
        self._count += block.size

    def diagnose(self) -> Diagnosis:
        mean = self._sum / max(1, self._count)
        if abs(mean) < OFFSET / 10:
            return NOTHING_FOUND
        repair = self.repairs_with()
        repair.analysis = Offset(offset=round(mean, 6))
        repair.keep_analysis()
        return Diagnosis(
            findings=(Finding(fault="dc", confidence=0.9, detail={"offset": mean}, action=REMOVED),), repair=repair
        )


class LoudnessDetector:
    """Only looks, and says how loud the loudest sample is: at its turn, of the audio that there is then."""

    name: ClassVar[str] = "peak"

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._peak = 0.0

    def see(self, block: Audio) -> None:
        self._peak = max(self._peak, float(np.abs(block).max(initial=0.0)))

    def diagnose(self) -> Diagnosis:
        return Diagnosis(findings=(Finding(fault="gain", confidence=0.5, detail={"peak": self._peak}),))


class ShyOffsetDetector(OffsetDetector):
    """Sees a mean in audio only that is not too loud: what else is wrong hides it."""

    name: ClassVar[str] = "shy"

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        super().__init__(sample_rate_hz, channels)
        self._peak = 0.0

    def see(self, block: Audio) -> None:
        super().see(block)
        self._peak = max(self._peak, float(np.abs(block).max(initial=0.0)))

    def diagnose(self) -> Diagnosis:
        hidden = Diagnosis(findings=(Finding(fault="polarity", confidence=0.1),))
        return hidden if self._peak > HIDING_PEAK else super().diagnose()


class LoudDetector(LoudnessDetector):
    """Turns down what is too loud."""

    def diagnose(self) -> Diagnosis:
        if self._peak <= HIDING_PEAK:
            return NOTHING_FOUND
        repair = Softer()
        repair.analysis = Offset(offset=0.0)
        repair.keep_analysis()
        return Diagnosis(findings=(Finding(fault="gain", confidence=0.9, action=REMOVED),), repair=repair)


class Doubler(Lower):
    """Says that it only takes away, and turns up."""

    region = Scope(most_rise_db=2.5)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        return lambda block: (block - np.float32(self.analysis.offset)) * np.float32(2)


class NoOffsetDetector(OffsetDetector):
    """Misses a mean where there is none."""

    name: ClassVar[str] = "none"

    def diagnose(self) -> Diagnosis:
        if super().diagnose() is not NOTHING_FOUND:
            return NOTHING_FOUND
        repair = Lower()
        repair.analysis = Offset(offset=-OFFSET)
        repair.keep_analysis()
        return Diagnosis(findings=(Finding(fault="polarity", confidence=0.9, action=REMOVED),), repair=repair)


def detector_for(repair: type[Lower]) -> type[OffsetDetector]:
    return type("Planted", (OffsetDetector,), {"repairs_with": repair})


def auto(repair: type[Lower] = Lower, **parameters: Any) -> Auto:
    plugin = Auto(**parameters)
    plugin.look_with({"offset": detector_for(repair), "peak": LoudnessDetector})
    return plugin


def shifted(frames: int = 30_000) -> Audio:
    return noise(frames) + np.float32(OFFSET)


def actions(plugin: Auto) -> list[str]:
    found = plugin.findings()
    assert found is not None
    return [finding.action for finding in found]


def test_what_is_wrong_is_repaired_and_told() -> None:
    audio, plugin = shifted(), auto()
    repaired = plugin(audio, RATE)
    assert abs(float(repaired.mean())) < 1e-6
    assert actions(plugin) == [REMOVED, LEFT]
    assert plugin.notes() == ["Lower: lowered by 0.25"]


def test_a_piece_with_nothing_wrong_comes_back_bit_for_bit() -> None:
    audio, plugin = noise(30_000), auto()
    assert np.array_equal(plugin(audio, RATE), audio)
    assert actions(plugin) == [LEFT]
    assert plugin.notes() == []


def test_a_later_detector_sees_what_the_repairs_before_it_made() -> None:
    audio, plugin = shifted(), auto()
    repaired = plugin(audio, RATE)
    found = plugin.findings()
    assert found is not None
    assert found[1].detail["peak"] == float(np.abs(repaired).max())


def test_what_another_fault_had_hidden_is_repaired_once_that_is_gone() -> None:
    plugin = Auto()
    plugin.look_with({"shy": ShyOffsetDetector, "loud": LoudDetector})
    loud = (shifted() * np.float32(3.0 / np.abs(shifted()).max())).astype(np.float32)
    repaired = plugin(loud, RATE)
    assert abs(float(repaired.mean())) < 1e-6
    assert plugin.treatment is not None
    assert [repair.name for repair in plugin.treatment.repairs] == ["Softer", "Lower"]
    assert [finding.fault for finding in plugin.findings() or []] == ["dc", "gain"]


@pytest.mark.parametrize("is_later_look", [True, False])
def test_no_repair_may_bring_back_what_another_took_away(is_later_look: bool) -> None:
    plugin = Auto()
    detectors: list[type[OffsetDetector]] = [NoOffsetDetector, OffsetDetector]
    plugin.look_with({kind.name: kind for kind in (detectors if is_later_look else detectors[::-1])})
    repaired = plugin(shifted(), RATE)
    assert abs(float(repaired.mean())) < 1e-6
    assert plugin.treatment is not None
    assert plugin.treatment.refusals == (
        "Lower: would have brought back what another repair took away: left as it was",
    )
    assert sorted(actions(plugin)) == [LEFT, REMOVED]


@pytest.mark.parametrize(("strength", "action"), [(1.0, REMOVED), (0.5, REDUCED), (0.0, LEFT)])
def test_pinned_and_scaled_it_tells_what_it_does_now(strength: float, action: str) -> None:
    plugin = Auto()
    plugin.look_with({"offset": OffsetDetector})
    plugin.look([shifted()], RATE)
    plugin.keep_analysis()
    assert actions(plugin.at_strength(strength)) == [action]


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_pinned_and_scaled_it_notes_what_it_did(strength: float) -> None:
    plugin = auto(TellingLower)
    plugin.look([shifted()], RATE)
    plugin.keep_analysis()
    scaled = plugin.at_strength(strength)
    lowered_by = float((shifted() - scaled(shifted(), RATE)).mean())
    assert scaled.notes() == [f"TellingLower: lowered by {lowered_by:.3f}"]


def test_at_half_strength_nobody_looks_again_for_what_is_still_there() -> None:
    plugin = Auto(strength=0.5)
    plugin.look_with({"shy": ShyOffsetDetector, "loud": LoudDetector})
    plugin((shifted() * np.float32(3.0 / np.abs(shifted()).max())).astype(np.float32), RATE)
    assert [finding.fault for finding in plugin.findings() or []] == ["polarity", "gain"]


@pytest.mark.parametrize(
    ("repair", "reason"),
    [
        (HalfLower, "did not take the fault away"),
        (WildLower, "would have changed what is not wrong"),
        (StretchLower, "would have changed what is not wrong"),
        (FailingLower, "broken on purpose"),
        (Doubler, "would have turned up what was only to be softer"),
    ],
)
def test_a_repair_that_does_not_hold_is_taken_back_and_told(repair: type[Lower], reason: str) -> None:
    audio, plugin = shifted(), auto(repair)
    assert np.array_equal(plugin(audio, RATE), audio)
    assert actions(plugin) == [LEFT, LEFT]
    assert len(plugin.notes()) == 1
    assert reason in plugin.notes()[0]
    assert plugin.notes()[0].endswith("left as it was")


def test_at_half_strength_half_of_it_is_repaired() -> None:
    repaired = auto(strength=0.5)(shifted(), RATE)
    assert float(repaired.mean()) == pytest.approx(OFFSET / 2, abs=2e-3)


def test_at_half_strength_every_fault_is_repaired_by_half() -> None:
    """What is left of the first one by intention is nothing that the second repair brought back."""
    plugin = Auto(strength=0.5)
    plugin.look_with({"offset": OffsetDetector, "loud": LoudDetector})
    plugin((shifted() * np.float32(3.0 / np.abs(shifted()).max())).astype(np.float32), RATE)
    assert actions(plugin) == [REDUCED, REDUCED]
    assert plugin.treatment is not None
    assert plugin.treatment.refusals == ()


def test_at_half_strength_it_does_not_say_removed() -> None:
    plugin = auto(strength=0.5)
    plugin(shifted(), RATE)
    assert actions(plugin) == [REDUCED, LEFT]


def test_once_pinned_its_strength_can_still_be_changed() -> None:
    plugin = auto()
    plugin.analyse([shifted()], RATE)
    halved = Board([plugin]).at_strength(0.5)
    assert float(halved(shifted(), RATE).mean()) == pytest.approx(OFFSET / 2, abs=2e-3)
    plugin.strength = 0.2
    assert float(plugin(shifted(), RATE).mean()) == pytest.approx(OFFSET * 0.8, abs=2e-3)


def test_its_latency_is_that_of_its_repairs() -> None:
    plugin = auto(LateLower)
    plugin.analyse([shifted()], RATE)
    assert plugin.latency_frames == LATE_FRAMES


@pytest.mark.parametrize("block", [np.full((2, 9), np.nan, dtype=np.float32), np.zeros((2, 3, 4), dtype=np.float32)])
def test_blocks_that_are_no_audio_are_refused(block: Audio) -> None:
    with pytest.raises(UsageError, match="expected"):
        auto().analyse([block], RATE)


def test_strength_nought_does_not_even_look() -> None:
    audio, plugin = shifted(), auto(strength=0)
    assert np.array_equal(plugin(audio, RATE), audio)
    assert plugin.findings() is None


@settings(deadline=None, max_examples=15)
@given(sizes=st.lists(st.integers(500, 40_000), min_size=1, max_size=4))
def test_the_size_of_the_blocks_does_not_matter(sizes: list[int]) -> None:
    audio = shifted(70_000)
    whole = auto()(audio, RATE)
    plugin = auto()
    plugin.analyse(list(cut(audio, sizes)), RATE)
    pieces = [plugin.process(block, RATE, reset=False) for block in cut(audio, sizes)]
    assert np.array_equal(np.concatenate([*pieces, plugin.flush()], axis=1), whole)


def test_blocks_without_an_analysis_are_refused() -> None:
    with pytest.raises(NotAnalysed, match="must see the whole file"):
        auto().process(shifted(), RATE, reset=False)


def test_within_a_chain_it_sees_what_comes_before_it() -> None:
    board = Board([Lower(), auto()])
    board(shifted(), RATE)
    assert board.findings() is not None
    assert [finding.fault for finding in board.findings() or []] == ["gain"]


def test_what_comes_after_it_gets_what_it_made() -> None:
    from pedalboard import Gain

    louder = Board([auto(), Gain(6.0)])(shifted(), RATE)
    assert np.allclose(louder, auto()(shifted(), RATE) * 10 ** (6 / 20), atol=1e-6)


def test_a_piece_of_no_frames_and_of_one_come_back() -> None:
    assert auto()(np.zeros((2, 0), dtype=np.float32), RATE).shape == (2, 0)
    assert auto()(np.zeros((1, 1), dtype=np.float32), RATE).shape == (1, 1)


def test_its_settings_say_nothing_of_the_piece_and_its_table_is_the_chain_it_made() -> None:
    plugin = auto()
    plugin(shifted(), RATE)
    assert plugin.settings() == {"plugin": "Auto", "strength": 1.0}
    table = plugin.to_dict()
    assert table["plugin"] == "Board"
    assert [item["plugin"] for item in table["chain"]] == ["Lower"]
    assert table["chain"][0]["analysis"] == {"offset": pytest.approx(OFFSET, abs=1e-2)}


def test_once_pinned_it_repairs_another_piece_in_the_same_way() -> None:
    plugin = auto()
    plugin.analyse([shifted()], RATE)
    other = noise(10_000, seed=5)
    assert float(plugin(other, RATE).mean()) == pytest.approx(float(other.mean()) - OFFSET, abs=2e-3)
    assert plugin.settings()["plugin"] == "Board"


def write(path: Path, audio: Audio) -> Path:
    soundfile.write(path, audio.T, RATE, subtype="PCM_24")
    return path


def test_a_file_is_repaired_and_its_record_has_the_findings(tmp_path: Path) -> None:
    source = write(tmp_path / "in.wav", shifted(200_000))
    record = Board([auto()]).restore_file(source, tmp_path / "out.wav")
    assert record.status == "restored"
    assert [(found["fault"], found["action"]) for found in record.findings] == [("dc", "removed"), ("gain", "left")]
    assert abs(float(soundfile.read(tmp_path / "out.wav")[0].mean())) < 1e-6


def test_a_file_with_nothing_wrong_is_copied_byte_for_byte(tmp_path: Path) -> None:
    source = write(tmp_path / "in.wav", noise(200_000))
    record = Board([auto()]).restore_file(source, tmp_path / "out.wav")
    assert record.status == "unchanged"
    assert (tmp_path / "out.wav").read_bytes() == source.read_bytes()
    assert [found["action"] for found in record.findings] == ["left"]


def test_at_another_rate_the_detectors_see_the_file_as_it_is(tmp_path: Path) -> None:
    from rebounce.engine.job import Job, Options
    from rebounce.engine.restore import restore_file

    source, target = write(tmp_path / "in.wav", shifted(200_000)), tmp_path / "out.wav"
    job = Job(source=source, target=target, copy_target=target, options=Options(sample_rate_hz=48_000))
    plugin = auto()
    record = restore_file(job, Board([plugin]))
    assert record.findings is not None
    assert record.findings[1]["detail"]["peak"] == pytest.approx(
        float(np.abs(shifted(200_000) - OFFSET).max()), abs=1e-2
    )
    assert soundfile.info(target).samplerate == 48_000
    assert soundfile.info(target).frames == round(200_000 * 48_000 / RATE)
    assert abs(float(soundfile.read(target)[0].mean())) < 1e-4


def test_no_spool_is_left_beside_the_output(tmp_path: Path) -> None:
    source = write(tmp_path / "in.wav", shifted(200_000))
    Board([auto()]).restore_file(source, tmp_path / "out" / "out.wav")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["out.wav"]

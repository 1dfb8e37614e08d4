"""The echo detector proposes a repair for what is proven, spares what is on the beat, and says nothing of the rest."""

import json

import numpy as np
import pytest
from signals import cut, noise, tone
from synthetic_music import mix

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.echo import EchoDetector
from rebounce.engine.inspection.finding import LEFT, REMOVED, Diagnosis, diagnosed
from rebounce.training.faults.echo import Echo

RATE = 16_000
MUSIC = mix(14, RATE)


def diagnosis_of(audio: Audio, sizes: list[int] | None = None, rate_hz: int = RATE) -> Diagnosis:
    return diagnosed(EchoDetector(rate_hz, audio.shape[0]), cut(audio, sizes or [rate_hz]))


def echoed(delay_ms: float, gain: float = 0.4, count: int = 1, audio: Audio = MUSIC, rate_hz: int = RATE) -> Audio:
    pattern = {"pattern": "repeats", "taps": count, "delay_ms": delay_ms, "gain": gain, "lowpass_hz": None}
    return Echo().apply(audio, rate_hz, pattern)


@pytest.mark.parametrize(("delay_ms", "gain", "count"), [(71.0, 0.2, 1), (203.0, 0.4, 1), (431.0, 0.55, 4)])
def test_an_echo_is_found_with_its_numbers(delay_ms: float, gain: float, count: int) -> None:
    diagnosis = diagnosis_of(echoed(delay_ms, gain, count))
    (finding,) = diagnosis.findings
    assert finding.fault == "echo"
    assert finding.action == REMOVED
    assert finding.detail["delay_ms"] == pytest.approx(delay_ms, abs=0.1)
    assert finding.detail["gain"] == pytest.approx(gain, abs=0.04)
    assert diagnosis.repair is not None
    assert not diagnosis.repair.wants_analysis()
    assert json.loads(json.dumps(finding.to_dict())) == finding.to_dict()


@pytest.mark.parametrize(("rate_hz", "channels"), [(8_000, 3), (44_100, 1), (96_000, 2)])
def test_any_rate_and_number_of_channels_will_do(rate_hz: int, channels: int) -> None:
    music = mix(10, rate_hz)[[0, 1, 0][:channels]]
    detail = diagnosis_of(echoed(137, audio=music, rate_hz=rate_hz), rate_hz=rate_hz).findings[0].detail
    assert detail["delay_ms"] == pytest.approx(137, abs=0.1)


def test_the_echo_of_what_is_in_the_middle_alone_is_left_alone() -> None:
    middle = np.repeat(MUSIC.mean(axis=0, keepdims=True), 2, axis=0)
    diagnosis = diagnosis_of(echoed(203, audio=middle) + (MUSIC - middle))
    assert diagnosis.repair is None


def test_a_single_echo_is_not_said_to_be_fed_back() -> None:
    said = [diagnosis_of(echoed(203, count=count)).findings[0].detail["is_feedback"] for count in (1, 4)]
    assert said == [False, True]


def test_what_was_repaired_is_found_no_more() -> None:
    damaged = echoed(203)
    repair = diagnosis_of(damaged).repair
    assert repair is not None
    again = diagnosis_of(repair(damaged, RATE))
    assert again.repair is None
    assert all(finding.action == LEFT for finding in again.findings)


@pytest.mark.parametrize("delay_ms", [250.0, 375.0, 1_000 / 3])
def test_an_echo_on_the_beat_is_left_and_told(delay_ms: float) -> None:
    # The drums of this music play four times a second.
    diagnosis = diagnosis_of(echoed(delay_ms))
    (finding,) = diagnosis.findings
    assert diagnosis.repair is None
    assert finding.action == LEFT
    assert finding.detail["is_on_beat_grid"] is True
    assert finding.detail["delay_ms"] == pytest.approx(delay_ms, abs=0.2)
    assert finding.confidence < 0.5


def test_an_echo_in_half_of_the_file_is_left() -> None:
    half = MUSIC.shape[1] // 2
    damaged = np.concatenate([MUSIC[:, :half], echoed(203)[:, half:]], axis=1)
    assert diagnosis_of(damaged).repair is None


def test_blocks_of_any_length_give_the_same_findings() -> None:
    damaged = echoed(203)
    whole, cut_up = diagnosis_of(damaged, [damaged.shape[1]]), diagnosis_of(damaged, [1, 4_099, 50_000])
    assert whole.findings == cut_up.findings
    assert whole.repair is not None
    assert cut_up.repair is not None
    assert whole.repair.analysis == cut_up.repair.analysis


@pytest.mark.parametrize(
    "audio",
    [
        MUSIC,
        np.zeros((2, 12 * RATE), dtype=np.float32),
        np.full((1, 12 * RATE), 0.3, dtype=np.float32),
        tone(440, 12 * RATE, RATE),
        np.sign(tone(100, 12 * RATE, RATE)),
        noise(12 * RATE, level=1e12),
        noise(12 * RATE, level=1e-9),
        noise(RATE),
        noise(1),
        noise(0),
    ],
    ids=["music", "silence", "DC", "sine", "square", "huge noise", "tiny noise", "one second", "one frame", "nothing"],
)
def test_nothing_is_said_where_there_is_no_echo(audio: Audio) -> None:
    diagnosis = diagnosis_of(audio)
    assert diagnosis.findings == ()
    assert diagnosis.repair is None

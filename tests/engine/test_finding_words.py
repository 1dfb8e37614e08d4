"""Findings as a person reads them."""

from typing import Any

import pytest

from rebounce.engine.finding_words import FAULT_WORDS, PHRASES, finding_sentence

MINUS = "\N{MINUS SIGN}"


def test_a_finding_names_fault_confidence_numbers_and_action() -> None:
    finding = {"fault": "echo", "confidence": 0.98, "detail": {"delay_ms": 180.2, "gain": 0.31}, "action": "removed"}
    assert finding_sentence(finding) == "Echo, 98% sure, 180.2 ms late, 0.31 times as loud: removed."


def test_large_numbers_have_no_exponent_and_unknown_faults_and_details_keep_their_names() -> None:
    finding = {"fault": "odd_thing", "confidence": None, "detail": {"cutoff_hz": 15_500.4}, "action": "left"}
    assert finding_sentence(finding) == "Odd thing, cutoff 15500 Hz: left as it is."


@pytest.mark.parametrize(
    ("confidence", "words"), [(0.5, "50% sure"), (0.99, "99% sure"), (0.991, "over 99% sure"), (1.0, "over 99% sure")]
)
def test_nothing_is_quite_sure(confidence: float, words: str) -> None:
    assert finding_sentence({"fault": "hum", "confidence": confidence}) == f"Mains hum, {words}."


@pytest.mark.parametrize(
    ("finding", "sentence"),
    [
        (
            {"fault": "clipping", "detail": {"kind": "hard", "ceiling_dbfs": -5.55, "share_percent": 8.67}},
            f"Peaks cut off hard, at {MINUS}5.55 dBFS, 8.67 % of the samples.",
        ),
        (
            {
                "fault": "echo",
                "detail": {"delays_ms": [432.0, 864.5], "gains": [0.4, 0.16], "is_feedback": True, "lowpass_hz": None},
            },
            "Echo, in all after 432, 864.5 ms, 0.4, 0.16 times as loud in turn, fed back.",
        ),
        (
            {"fault": "echo", "detail": {"delay_ms": 90.0, "is_feedback": False, "is_on_beat_grid": True}},
            "Echo, 90 ms late, on the beat of the music.",
        ),
        (
            {"fault": "level_ride", "detail": {"cut": "end", "level_dbfs": -11.0}, "action": "left"},
            f"Cut end, {MINUS}11 dBFS right at the edge: left as it is.",
        ),
        (
            {"fault": "level_ride", "detail": {"gap_start_s": 2.0, "gap_s": 0.5, "gaps": 1}},
            "Gap of digital silence, from 2 s on, 0.5 s long, 1 in all.",
        ),
        (
            {"fault": "level_ride", "detail": {"jumps": 2, "largest_jump_db": -6.1, "at_s": [3.5, 8.0]}},
            f"Jumps of level inside the track, 2 in all, the largest {MINUS}6.1 dB, at 3.5, 8 s.",
        ),
        ({"fault": "narrow", "detail": {"kind": "dual mono"}}, "Mono in two channels."),
        ({"fault": "narrow", "detail": {"kind": "nearly mono"}}, "Narrow stereo image, nearly mono."),
        (
            {"fault": "imbalance", "detail": {"kind": "softer", "side": "left", "gap_db": 3.0}},
            "One channel softer than the other, the left, by 3 dB.",
        ),
        ({"fault": "gain", "detail": {"kind": "level", "lufs": -40.0}}, f"Unusual level, {MINUS}40 LUFS."),
        (
            {"fault": "gain", "detail": {"kind": "level", "peak_dbfs": -92.0}},
            f"Unusual level, peaks at {MINUS}92 dBFS.",
        ),
        (
            {"fault": "polarity", "detail": {"kind": "delay", "side": "left", "delay_ms": 9.07}},
            "One channel behind the other, the left, by 9.07 ms.",
        ),
        (
            {"fault": "noise", "confidence": 0.2, "detail": {"noise_dbfs": -60.0, "is_perhaps_music": True}},
            f"Noise, 20% sure, a floor of {MINUS}60 dBFS, may be part of the music.",
        ),
    ],
)
def test_a_finding_is_told_in_words_that_a_person_would_use(finding: dict[str, Any], sentence: str) -> None:
    assert finding_sentence(finding) == sentence


@pytest.mark.parametrize("fault", sorted(FAULT_WORDS))
@pytest.mark.parametrize(
    ("name", "one", "other"),
    [("delay_ms", 180.2, 90.1), ("kind", "hard", "soft"), ("is_feedback", True, False), ("gains", [0.1], [0.2])],
)
def test_every_number_of_a_finding_is_in_its_sentence(fault: str, name: str, one: Any, other: Any) -> None:
    sentences = {finding_sentence({"fault": fault, "detail": {name: value}}) for value in (one, other)}
    assert len(sentences) == 2


@pytest.mark.parametrize(("fault", "name"), sorted(PHRASES))
def test_every_phrase_holds_its_number(fault: str, name: str) -> None:
    values = (True, False) if name.startswith("is_") else (12.5, 13.5)
    one, other = (finding_sentence({"fault": fault, "detail": {name: value}}) for value in values)
    assert one != other
    assert name.startswith("is_") or one.replace("12.5", "13.5") == other


def test_how_sure_it_is_and_what_is_done_are_in_the_sentence() -> None:
    finding = {"fault": "hum", "confidence": 0.9, "action": "removed"}
    for change in ({"confidence": 0.5}, {"action": "left"}, {"fault": "dc"}):
        assert finding_sentence(finding | change) != finding_sentence(finding)

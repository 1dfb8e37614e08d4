"""Numbers and findings as a person reads them."""

from typing import Any

import pytest

from rebounce.engine import wording


@pytest.mark.parametrize(
    ("value", "text"),
    [(-14.23, "\N{MINUS SIGN}14.2 LUFS"), (0.04, "0.0 LUFS"), (-0.04, "0.0 LUFS"), (None, "\N{EN DASH}")],
)
def test_a_level_has_one_decimal_and_no_negative_zero(value: float | None, text: str) -> None:
    assert wording.level(value, "LUFS") == text


def test_a_change_carries_its_sign_and_needs_both_sides() -> None:
    assert wording.change(-22.0, -14.0) == "+8.0"
    assert wording.change(-14.0, -22.0) == "\N{MINUS SIGN}8.0"
    assert wording.change(None, -14.0) == "\N{EN DASH}"


def test_a_finding_names_fault_confidence_numbers_and_action() -> None:
    finding = {"fault": "echo", "confidence": 0.98, "detail": {"delay_ms": 180.2, "gain": 0.31}, "action": "removed"}
    assert wording.finding_sentence(finding) == "Echo, 98% sure, delay 180.2 ms, gain 0.31: removed."


def test_large_numbers_have_no_exponent_and_unknown_faults_keep_their_name() -> None:
    finding = {"fault": "odd_thing", "confidence": None, "detail": {"cutoff_hz": 15_500.4}, "action": "left"}
    assert wording.finding_sentence(finding) == "Odd thing, cutoff 15500 Hz: left as it is."


def test_counts_are_grouped() -> None:
    assert wording.count(1_234_567) == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"


def test_the_format_is_said_as_far_as_it_is_known() -> None:
    assert (
        wording.format_words({"sample_rate_hz": 44_100, "channels": 2, "subtype": "PCM_24"})
        == "44.1 kHz, stereo, 24 bit"
    )
    assert wording.format_words({"sample_rate_hz": None, "channels": 6}) == "6 channels"


@pytest.mark.parametrize(
    ("finding", "sentence"),
    [
        (
            {"fault": "clipping", "detail": {"kind": "hard", "ceiling_dbfs": -5.55, "share_percent": 8.67}},
            "Clipping, hard, ceiling \N{MINUS SIGN}5.55 dBFS, share 8.67 %.",
        ),
        (
            {"fault": "echo", "detail": {"delays_ms": [432.0, 864.5], "is_feedback": True, "lowpass_hz": None}},
            "Echo, delays 432, 864.5 ms, feedback.",
        ),
        ({"fault": "echo", "detail": {"delay_ms": 90.0, "is_feedback": False}}, "Echo, delay 90 ms."),
        (
            {"fault": "level_ride", "detail": {"cut": "end", "level_dbfs": -11.0}, "action": "left"},
            "Cut end, level \N{MINUS SIGN}11 dBFS: left as it is.",
        ),
        (
            {"fault": "level_ride", "detail": {"gap_start_s": 2.0, "gap_s": 0.5}},
            "Gap of digital silence, gap start 2 s, gap 0.5 s.",
        ),
        ({"fault": "narrow", "detail": {"kind": "dual mono"}}, "Mono in two channels."),
        ({"fault": "narrow", "detail": {"kind": "nearly mono"}}, "Narrow stereo image, nearly mono."),
    ],
)
def test_a_finding_is_told_in_words_that_a_person_would_use(finding: dict[str, Any], sentence: str) -> None:
    assert wording.finding_sentence(finding) == sentence


@pytest.mark.parametrize("fault", sorted(wording.FAULT_WORDS))
@pytest.mark.parametrize(
    ("name", "one", "other"),
    [("delay_ms", 180.2, 90.1), ("kind", "hard", "soft"), ("is_feedback", True, False), ("gains", [0.1], [0.2])],
)
def test_every_number_of_a_finding_is_in_its_sentence(fault: str, name: str, one: Any, other: Any) -> None:
    sentences = {wording.finding_sentence({"fault": fault, "detail": {name: value}}) for value in (one, other)}
    assert len(sentences) == 2


def test_how_sure_it_is_and_what_is_done_are_in_the_sentence() -> None:
    finding = {"fault": "hum", "confidence": 0.9, "action": "removed"}
    for change in ({"confidence": 0.5}, {"action": "left"}, {"fault": "dc"}):
        assert wording.finding_sentence(finding | change) != wording.finding_sentence(finding)

"""Numbers as a person reads them."""

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


def test_counts_are_grouped() -> None:
    assert wording.count(1_234_567) == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"


def test_the_format_is_said_as_far_as_it_is_known() -> None:
    assert (
        wording.format_words({"sample_rate_hz": 44_100, "channels": 2, "subtype": "PCM_24"})
        == "44.1 kHz, stereo, 24 bit"
    )
    assert wording.format_words({"sample_rate_hz": None, "channels": 6}) == "6 channels"
    assert wording.format_words({"channels": 2, "subtype": "MPEG_LAYER_III"}) == "stereo, MP3"
    assert wording.format_words({"channels": 1, "subtype": "VORBIS"}) == "mono, Ogg Vorbis"


@pytest.mark.parametrize(("factor", "words"), [(0.187, "0.19x"), (4.23, "4.2x"), (9.96, "10x"), (57.6, "58x")])
def test_speed_has_two_digits_where_it_is_slow(factor: float, words: str) -> None:
    assert wording.real_time(factor) == f"{words} real time"
    assert wording.times_as_fast(factor) == f"{words[:-1]} times as fast as it plays"

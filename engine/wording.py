"""Numbers of a record in plain words, the same wherever a person reads them."""

from collections.abc import Mapping
from typing import Any

UNDEFINED = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"

SUBTYPE_WORDS: Mapping[str, str] = {
    "PCM_S8": "8 bit",
    "PCM_U8": "8 bit",
    "PCM_16": "16 bit",
    "PCM_24": "24 bit",
    "PCM_32": "32 bit",
    "FLOAT": "32-bit float",
    "DOUBLE": "64-bit float",
    "MPEG_LAYER_III": "MP3",
    "VORBIS": "Ogg Vorbis",
}


def level(value: float | None, unit: str = "") -> str:
    """A level to a tenth, with its unit where one is given: `-14.2 LUFS`."""
    return UNDEFINED if value is None else f"{_signed(value, '')} {unit}".rstrip()


def change(before: float | None, after: float | None) -> str:
    """How far a level moved, with its sign: `+8.6`."""
    return UNDEFINED if before is None or after is None else moved(after - before)


def moved(value: float | None) -> str:
    """A difference with its sign: `+8.6`, and no sign where it rounds to nothing."""
    return UNDEFINED if value is None else _signed(value, "+")


def count(value: int | None) -> str:
    """A whole number in groups of three."""
    return UNDEFINED if value is None else f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def real_time(factor: float | None) -> str:
    """How fast it went: `0.19x real time`, `4.2x real time`, `58x real time`."""
    return "speed unknown" if factor is None else f"{_factor(factor)}x real time"


def times_as_fast(factor: float) -> str:
    """The same in a sentence: `20 times as fast as it plays`."""
    return f"{_factor(factor)} times as fast as it plays"


def _factor(factor: float) -> str:
    return f"{factor:.0f}" if factor >= 10 else f"{factor:.2g}"


def format_words(record: Mapping[str, Any]) -> str:
    """Rate, channels and depth of a record, as far as they are known: `44.1 kHz, stereo, 24 bit`."""
    parts = []
    if record.get("sample_rate_hz"):
        parts.append(f"{record['sample_rate_hz'] / 1000:g} kHz")
    if record.get("channels"):
        channels = record["channels"]
        parts.append({1: "mono", 2: "stereo"}.get(channels, f"{channels} channels"))
    if record.get("subtype"):
        parts.append(SUBTYPE_WORDS.get(record["subtype"], record["subtype"]))
    return ", ".join(parts)


def number(value: Any) -> str:
    """A number as short as it can be without losing what matters; anything else as it is."""
    if not isinstance(value, float):
        return str(value)
    digits = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return digits.replace("-", MINUS)


def _signed(value: float, plus: str) -> str:
    rounded = round(value, 1)
    if rounded == 0:
        return "0.0"
    return f"{MINUS if rounded < 0 else plus}{abs(rounded):.1f}"

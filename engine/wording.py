"""Numbers and findings of a record in plain words, the same wherever a person reads them."""

from collections.abc import Mapping
from typing import Any

UNDEFINED = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"

FAULT_WORDS: Mapping[str, str] = {
    "eq": "Uneven tone",
    "gain": "Wrong level",
    "compression": "Heavy compression",
    "reverb": "Too much reverb",
    "echo": "Echo",
    "clipping": "Clipping",
    "mp3": "MP3 damage",
    "noise": "Noise",
    "level_ride": "Wandering level",
    "limiting": "Heavy limiting",
    "narrow": "Narrow stereo image",
    "vst3": "Damage by a plugin",
    "hum": "Mains hum",
    "dc": "Direct-current offset",
    "polarity": "Inverted polarity of one channel",
    "imbalance": "Channels of unequal level",
    "bandwidth": "Missing top end",
}

# Where the fault's own words say too little; the detail that decides, and its value, or None for any.
TITLES: Mapping[tuple[str, str, str | None], str] = {
    ("level_ride", "cut", "start"): "Cut beginning",
    ("level_ride", "cut", "end"): "Cut end",
    ("level_ride", "gap_s", None): "Gap of digital silence",
    ("reverb", "kind", "plate"): "A plate reverb over the whole mix",
    ("gain", "kind", "silent"): "Nothing but silence",
    ("narrow", "kind", "dual mono"): "Mono in two channels",
    ("imbalance", "kind", "silent"): "A silent channel",
    ("polarity", "kind", "delay"): "One channel behind the other",
}

ACTION_WORDS: Mapping[str, str] = {"removed": "removed", "reduced": "reduced", "left": "left as it is"}

# What the last word of a name says about its number.
UNITS = ("ms", "s", "hz", "db", "dbfs", "dbtp", "lufs", "lu", "cents", "bpm", "kbps", "percent")
UNIT_WORDS: Mapping[str, str] = {
    "hz": "Hz",
    "db": "dB",
    "dbfs": "dBFS",
    "dbtp": "dBTP",
    "lufs": "LUFS",
    "lu": "LU",
    "bpm": "BPM",
    "kbps": "kbit/s",
    "percent": "%",
}

SUBTYPE_WORDS: Mapping[str, str] = {
    "PCM_S8": "8 bit",
    "PCM_U8": "8 bit",
    "PCM_16": "16 bit",
    "PCM_24": "24 bit",
    "PCM_32": "32 bit",
    "FLOAT": "32-bit float",
    "DOUBLE": "64-bit float",
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


def finding_sentence(finding: Mapping[str, Any], action_words: Mapping[str, str] = ACTION_WORDS) -> str:
    """One finding: what, how sure, its numbers, and what became of it."""
    detail: Mapping[str, Any] = finding.get("detail") or {}
    title, told = _title(str(finding.get("fault", "fault")), detail)
    parts = [title]
    confidence = finding.get("confidence")
    if confidence is not None:
        parts.append(f"{confidence:.0%} sure")
    parts += [words for name, value in detail.items() if name != told and (words := _detail(name, value))]
    action = str(finding.get("action", ""))
    return f"{', '.join(parts)}: {action_words.get(action, action)}." if action else f"{', '.join(parts)}."


def _title(fault: str, detail: Mapping[str, Any]) -> tuple[str, str | None]:
    """What a finding is called, and the detail that this tells already."""
    for (kind, name, value), title in TITLES.items():
        if kind == fault and name in detail and (value is None or detail[name] == value):
            return title, name if value is not None else None
    return FAULT_WORDS.get(fault, fault.replace("_", " ").capitalize()), None


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


def _detail(name: str, value: Any) -> str:
    """`delay_ms`, 180.2 as `delay 180.2 ms`; a kind stands for itself, and what is not so or not known is not told."""
    if value is None or value is False:
        return ""
    if value is True:
        return name.removeprefix("is_").replace("_", " ")
    words, _, last = name.rpartition("_")
    unit = UNIT_WORDS.get(last, last) if words and last in UNITS else ""
    label = (words if unit else name).replace("_", " ")
    shown = ", ".join(map(_number, value)) if isinstance(value, (list, tuple)) else _number(value)
    return shown if name == "kind" else f"{label} {shown} {unit}".rstrip()


def _number(value: Any) -> str:
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

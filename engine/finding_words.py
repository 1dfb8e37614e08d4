"""A finding as a sentence: what, how sure, its numbers, and what became of it.

Every word comes from the finding itself. A detail that has no phrase here, as that of a newer version, is told by its
name, its number and its unit: none is ever kept quiet.
"""

from collections.abc import Mapping
from typing import Any

from rebounce.engine.wording import number

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
    ("clipping", "kind", "hard"): "Peaks cut off hard",
    ("clipping", "kind", "soft"): "Peaks bent down softly",
    ("level_ride", "cut", "start"): "Cut beginning",
    ("level_ride", "cut", "end"): "Cut end",
    ("level_ride", "gap_s", None): "Gap of digital silence",
    ("level_ride", "jumps", None): "Jumps of level inside the track",
    ("reverb", "kind", "plate"): "A plate reverb",
    ("gain", "kind", "silent"): "Nothing but silence",
    ("gain", "kind", "level"): "Unusual level",
    ("narrow", "kind", "dual mono"): "Mono in two channels",
    ("imbalance", "kind", "silent"): "A silent channel",
    ("imbalance", "kind", "softer"): "One channel softer than the other",
    ("imbalance", "kind", "leaning"): "The mix leans to one side",
    ("polarity", "kind", "inverted"): "One channel the other way round",
    ("polarity", "kind", "delay"): "One channel behind the other",
}

# What stands around a detail in the sentence of its fault; its value and unit go into the braces.
PHRASES: Mapping[tuple[str, str], str] = {
    ("bandwidth", "cutoff_hz"): "nothing above {}",
    ("clipping", "ceiling_dbfs"): "at {}",
    ("clipping", "share_percent"): "{} of the samples",
    ("clipping", "is_perhaps_music"): "may be how it was played",
    ("compression", "crest_db"): "peaks {} above the mean",
    ("compression", "level_range_db"): "level moves within {}",
    ("compression", "overshoot_db"): "attacks stand out by {}",
    ("compression", "pumping_hz"): "pumps at {}",
    ("dc", "channel"): "in channel {}",
    ("dc", "channels"): "in channels {}",
    ("dc", "offset_percent"): "{} of full scale",
    ("dc", "offset_dbfs"): "{}",
    ("echo", "delay_ms"): "{} late",
    ("echo", "gain"): "{} times as loud",
    ("echo", "is_feedback"): "fed back",
    ("echo", "is_on_beat_grid"): "on the beat of the music",
    ("echo", "lowpass_hz"): "dulled above {}",
    ("echo", "delays_ms"): "in all after {}",
    ("echo", "gains"): "{} times as loud in turn",
    ("echo", "tempo_bpm"): "at {}",
    ("eq", "bands_hz"): "around {}",
    ("eq", "outside_db"): "off by {} from what released music has",
    ("gain", "lufs"): "{}",
    ("gain", "peak_dbfs"): "peaks at {}",
    ("hum", "mains_hz"): "at {}",
    ("hum", "lines"): "{} of its multiples",
    ("hum", "highest_hz"): "up to {}",
    ("hum", "level_dbfs"): "{} in all",
    ("imbalance", "side"): "the {}",
    ("imbalance", "gap_db"): "by {}",
    ("level_ride", "jumps"): "{} in all",
    ("level_ride", "largest_jump_db"): "the largest {}",
    ("level_ride", "range_db"): "{} between softest and loudest part",
    ("level_ride", "at_s"): "at {}",
    ("level_ride", "jumps_db"): "by {}",
    ("level_ride", "level_dbfs"): "{} right at the edge",
    ("level_ride", "gap_start_s"): "from {} on",
    ("level_ride", "gap_s"): "{} long",
    ("level_ride", "gaps"): "{} in all",
    ("limiting", "ceiling_dbfs"): "peaks at {}",
    ("limiting", "at_ceiling_percent"): "for {} of the time",
    ("limiting", "crest_db"): "{} above the mean",
    ("mp3", "cutoff_hz"): "nothing above {}",
    ("mp3", "likely_kbps"): "likely {}",
    ("noise", "noise_dbfs"): "a floor of {}",
    ("noise", "programme_dbfs"): "under music of {}",
    ("noise", "reduction_db"): "to come down by up to {}",
    ("noise", "is_perhaps_music"): "may be part of the music",
    ("polarity", "side"): "the {}",
    ("polarity", "delay_ms"): "by {}",
    ("reverb", "delay_ms"): "{} behind the sound",
    ("reverb", "rt60_s"): "60 dB softer after {}",
    ("reverb", "drr_db"): "direct sound {} against the room",
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

# Nothing is as sure as a rounded 100% would say.
SUREST = 0.99


def finding_sentence(finding: Mapping[str, Any], action_words: Mapping[str, str] = ACTION_WORDS) -> str:
    """One finding, with other words for what became of it where these are given."""
    fault = str(finding.get("fault", "fault"))
    detail: Mapping[str, Any] = finding.get("detail") or {}
    title, told = _title(fault, detail)
    parts = [title]
    confidence = finding.get("confidence")
    if confidence is not None:
        parts.append(f"over {SUREST:.0%} sure" if confidence > SUREST else f"{confidence:.0%} sure")
    parts += [words for name, value in detail.items() if name != told and (words := _detail(fault, name, value))]
    action = str(finding.get("action", ""))
    return f"{', '.join(parts)}: {action_words.get(action, action)}." if action else f"{', '.join(parts)}."


def _title(fault: str, detail: Mapping[str, Any]) -> tuple[str, str | None]:
    """What a finding is called, and the detail that this tells already."""
    for (kind, name, value), title in TITLES.items():
        if kind == fault and name in detail and (value is None or detail[name] == value):
            return title, name if value is not None else None
    return FAULT_WORDS.get(fault, fault.replace("_", " ").capitalize()), None


def _detail(fault: str, name: str, value: Any) -> str:
    """`delay_ms`, 180.2 as `180.2 ms late`; what is not so or not known is not told."""
    if value is None or value is False:
        return ""
    if value is True:
        return PHRASES.get((fault, name), name.removeprefix("is_").replace("_", " "))
    words, _, last = name.rpartition("_")
    unit = UNIT_WORDS.get(last, last) if words and last in UNITS else UNIT_WORDS.get(name, "")
    shown = ", ".join(map(number, value)) if isinstance(value, (list, tuple)) else number(value)
    label = "" if name == "kind" else (words if words and unit else name).replace("_", " ")
    return PHRASES.get((fault, name), f"{label} {{}}").format(f"{shown} {unit}".rstrip()).strip()

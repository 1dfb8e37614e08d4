"""The `iXML` chunk: what in it depends on the sample rate, the depth or the samples, and nothing else.

It is changed as text, place by place, since parsing and writing XML anew would change every other byte.
"""

import re
from collections.abc import Callable

from rebounce.engine.chunk_positions import Rescale

RATE_FIELDS = (b"FILE_SAMPLE_RATE", b"TIMESTAMP_SAMPLE_RATE", b"DIGITIZER_SAMPLE_RATE")
POSITION_PAIRS = (
    (b"TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI", b"TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO"),
    (b"BWF_TIME_REFERENCE_HIGH", b"BWF_TIME_REFERENCE_LOW"),
    (b"SYNC_POINT_HIGH", b"SYNC_POINT_LOW"),
)
LENGTH_FIELDS = (b"SYNC_POINT_EVENT_DURATION",)
DEPTH_FIELD = b"AUDIO_BIT_DEPTH"
# Values that were measured on the input's samples.
LOUDNESS = re.compile(rb"<LOUDNESS>.*?</LOUDNESS>\s*|<BWF_LOUDNESS_\w+>[^<]*</BWF_LOUDNESS_\w+>\s*", re.DOTALL)


def rescale_ixml(data: bytes, rescale: Rescale) -> bytes:
    """The rates, and the positions counted in frames."""
    if not rescale.changes:
        return data
    for name in RATE_FIELDS:
        data = _replace_numbers(data, name, lambda rate: rescale.new_rate_hz if rate == rescale.old_rate_hz else rate)
    for name in LENGTH_FIELDS:
        data = _replace_numbers(data, name, rescale.frames)
    for high, low in POSITION_PAIRS:
        data = _rescale_pairs(data, high, low, rescale)
    return data


def change_depth(data: bytes, bits: int) -> bytes:
    """The bit depth that the file is said to have."""
    return _replace_numbers(data, DEPTH_FIELD, lambda _: bits)


def drop_loudness(data: bytes) -> tuple[bytes, bool]:
    """Without loudness values, and whether there were any."""
    kept = LOUDNESS.sub(b"", data)
    return kept, kept != data


def _one_after_another(values: list[int]) -> Callable[[int], int]:
    remaining = iter(values)
    return lambda _: next(remaining)


def _field(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(<" + name + rb">\s*)(\d+)(\s*</" + name + rb">)")


def _replace_numbers(data: bytes, name: bytes, change: Callable[[int], int]) -> bytes:
    return _field(name).sub(lambda match: match[1] + str(change(int(match[2]))).encode() + match[3], data)


def _rescale_pairs(data: bytes, high: bytes, low: bytes, rescale: Rescale) -> bytes:
    """Positions split into two 32-bit halves; the nth high half belongs to the nth low one."""
    highs, lows = _field(high).findall(data), _field(low).findall(data)
    if len(highs) != len(lows):
        return data
    moved = [rescale.fits(int(a[1]) << 32 | int(b[1]), bits=64) for a, b in zip(highs, lows, strict=True)]
    for name, halves in ((high, [value >> 32 for value in moved]), (low, [value & 0xFFFFFFFF for value in moved])):
        data = _replace_numbers(data, name, _one_after_another(halves))
    return data

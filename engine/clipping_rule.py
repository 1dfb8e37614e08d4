"""What is done about a result that would clip, and about lossy inputs that decode past full scale.

The first writing assumes that nothing clips. Where that proves wrong the file is written again, by the rule that was
asked for, so that the usual file costs one pass and not two.
"""

import math
from dataclasses import dataclass

from rebounce.engine.errors import UnsupportedAudio
from rebounce.engine.level_stage import CeilingLimiter, ConstantGain
from rebounce.engine.pcm import FLOAT32_BITS
from rebounce.engine.plugin import Plugin
from rebounce.engine.sample_formats import CONTAINER_SUBTYPES, DEPTHS


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One way of writing a result: its subtype, what is added to the chain, and what the record says of it."""

    subtype: str
    stages: tuple[Plugin, ...] = ()
    messages: tuple[str, ...] = ()
    is_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Overs:
    """What a writing found: samples past full scale and the largest, in the result and in the decoded input.

    `may_be_float` says that the input is lossy and that no bit depth was asked for.
    """

    clipped_samples: int
    peak: float
    input_peak: float
    may_be_float: bool


def next_try(last: Try, overs: Overs, clip_mode: str, container: str) -> Try | None:
    """How to write the file again, or None when the last writing stands."""
    if last.is_last or overs.clipped_samples == 0 or DEPTHS.get(last.subtype) is None:
        return None
    if overs.may_be_float and overs.input_peak > 1 and "FLOAT" in CONTAINER_SUBTYPES[container]:
        over_db = 20 * math.log10(overs.input_peak)
        message = f"the decoded peaks pass full scale by {over_db:.1f} dB, so the result is 32-bit float"
        return Try(subtype="FLOAT", messages=(message,), is_last=True)
    count = f"{overs.clipped_samples} samples would have clipped"
    if clip_mode == "rescale":
        gain = full_scale_gain(overs.peak, DEPTHS[last.subtype].bits)
        message = f"{count}: the whole file was turned down by {-20 * math.log10(gain):.2f} dB"
        return Try(subtype=last.subtype, stages=(ConstantGain(gain),), messages=(message,), is_last=True)
    if clip_mode == "keep":
        return Try(subtype=_float_for(container), messages=(f"{count}: the result is 32-bit float",), is_last=True)
    if clip_mode == "limit":
        message = f"{count}: true peaks were limited to -1 dBTP"
        return Try(subtype=last.subtype, stages=(CeilingLimiter(),), messages=(message,), is_last=True)
    return None


def full_scale_gain(peak: float, bits: int) -> float:
    """The gain that brings a peak to the largest integer less the 1 LSB that dither may add."""
    # From 24 bits on the step of float32 near full scale is as large as an LSB, and the product may round up by one.
    return (1.0 - 2.0 ** (2 - min(bits, FLOAT32_BITS - 1))) / peak


def _float_for(container: str) -> str:
    if "FLOAT" in CONTAINER_SUBTYPES[container]:
        return "FLOAT"
    raise UnsupportedAudio(
        f"--clip-mode keep: the result would clip, and {container} has no 32-bit float to keep it in; "
        "add --format wav, or choose another --clip-mode"
    )

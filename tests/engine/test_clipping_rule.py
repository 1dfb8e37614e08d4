"""What is done about a result that would clip."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebounce.engine.clipping_rule import Overs, Try, full_scale_gain, next_try
from rebounce.engine.errors import UnsupportedAudio
from rebounce.engine.job import CLIP_MODES
from rebounce.engine.level_stage import CeilingLimiter, ConstantGain
from rebounce.engine.pcm import MOST_DITHERED_BITS


def overs(clipped: int = 3, peak: float = 2.0, **more: Any) -> Overs:
    return Overs(**{"clipped_samples": clipped, "peak": peak, "input_peak": 0.5, "may_be_float": False} | more)


@pytest.mark.parametrize("clip_mode", CLIP_MODES)
def test_what_does_not_clip_stands_whatever_was_asked_for(clip_mode: str) -> None:
    assert next_try(Try(subtype="PCM_16"), overs(clipped=0, peak=1.0), clip_mode, "WAV") is None


@pytest.mark.parametrize(("subtype", "container"), [("VORBIS", "OGG"), ("MPEG_LAYER_III", "MP3")])
def test_what_has_no_full_scale_is_written_once(subtype: str, container: str) -> None:
    assert next_try(Try(subtype=subtype), overs(), "rescale", container) is None


def test_each_rule_gives_its_own_second_try_and_there_is_no_third() -> None:
    tries = {mode: next_try(Try(subtype="PCM_16"), overs(), mode, "WAV") for mode in CLIP_MODES}
    assert tries["clamp"] is None
    kept, scaled, limited = (tries[mode] for mode in ("keep", "rescale", "limit"))
    assert kept is not None
    assert scaled is not None
    assert limited is not None
    assert (kept.subtype, kept.stages) == ("FLOAT", ())
    assert (scaled.subtype, [type(stage) for stage in scaled.stages]) == ("PCM_16", [ConstantGain])
    assert (limited.subtype, [type(stage) for stage in limited.stages]) == ("PCM_16", [CeilingLimiter])
    for following in (kept, scaled, limited):
        assert following.messages[0].startswith("3 samples would have clipped: ")
        assert next_try(following, overs(), "rescale", "WAV") is None
    assert "6.02 dB" in scaled.messages[0]


def test_keep_is_refused_where_the_container_has_no_float() -> None:
    with pytest.raises(UnsupportedAudio, match="--format wav"):
        next_try(Try(subtype="PCM_16"), overs(), "keep", "FLAC")


@pytest.mark.parametrize("clip_mode", CLIP_MODES)
def test_a_lossy_file_decoded_past_full_scale_becomes_float_and_says_by_how_much(clip_mode: str) -> None:
    hot = overs(input_peak=2.0, may_be_float=True)
    following = next_try(Try(subtype="PCM_24"), hot, clip_mode, "WAV")
    assert following is not None
    assert (following.subtype, following.stages) == ("FLOAT", ())
    assert "by 6.0 dB" in following.messages[0]
    asked_for_bits = next_try(Try(subtype="PCM_16"), overs(input_peak=2.0), "rescale", "WAV")
    assert asked_for_bits is not None
    assert asked_for_bits.subtype == "PCM_16"


@settings(max_examples=25, deadline=None)
@given(peak=st.floats(1.0, 1e6, width=32), bits=st.sampled_from([8, 16, 24, 32]))
def test_the_gain_leaves_room_for_dither_and_wastes_none(peak: float, bits: int) -> None:
    """In float32, as the stage computes it, for the very sample that was the largest."""
    scaled = float(np.float32(peak) * np.float32(full_scale_gain(peak, bits)))
    largest = 2 ** (bits - 1) - 1
    dither = 1.0 if bits <= MOST_DITHERED_BITS else 0.0
    assert round(scaled * 2 ** (bits - 1) + dither) <= largest
    assert 20 * math.log10(scaled) > -0.15

"""How audio is cut into segments and tokens, and what tokens must look like."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebounce.engine.errors import UsageError
from rebounce.engine.tokens import Framing, Tokens

ENCODEC = Framing(segment_frames=48_000, stride_frames=47_520, hop_frames=320)


@pytest.mark.parametrize(
    ("frames", "token_counts"),
    [
        (0, []),
        (1, [1]),
        (319, [1]),
        (320, [1]),
        (321, [2]),
        (47_520, [149]),
        (47_521, [149, 1]),
        (48_000, [150, 2]),
        (48_001, [150, 2]),
        (95_040, [150, 149]),
        (95_041, [150, 149, 1]),
        (10 * 48_000, [150] * 10 + [15]),
    ],
)
def test_a_second_at_48_khz_is_150_tokens_and_the_tail_what_is_left(frames: int, token_counts: list[int]) -> None:
    assert ENCODEC.token_counts(frames) == token_counts
    assert ENCODEC.segments(frames) == len(token_counts)


@given(frames=st.integers(0, 500), hop=st.integers(1, 20), stride=st.integers(0, 50), overlap=st.integers(0, 50))
def test_segments_cover_every_frame_and_nothing_else(frames: int, hop: int, stride: int, overlap: int) -> None:
    framing = Framing(segment_frames=hop + stride + overlap, stride_frames=hop + stride, hop_frames=hop)
    pieces = list(zip(framing.starts(frames), framing.lengths(frames), strict=True))
    covered = np.zeros(frames, dtype=bool)
    for start, length in pieces:
        assert 0 < length <= framing.segment_frames
        covered[start : start + length] = True
    assert covered.all()
    assert framing.segments(frames) == len(pieces)
    assert all(start + length <= frames for start, length in pieces)


def tokens(codes: object = None, scales: object = None, frames: int = 48_000) -> Tokens:
    return Tokens(
        codes=np.zeros((2, 4, 150), dtype=np.int16) if codes is None else codes,  # type: ignore[arg-type]
        scales=np.ones(2, dtype=np.float32) if scales is None else scales,  # type: ignore[arg-type]
        frames=frames,
        sample_rate_hz=48_000,
        codec_id="codec@1",
    )


def test_codes_are_int16_in_three_dimensions() -> None:
    assert tokens().codes.shape == (2, 4, 150)
    with pytest.raises(UsageError, match=r"expected codes int16 .* found int64 \(2, 4, 150\)"):
        tokens(codes=np.zeros((2, 4, 150), dtype=np.int64))
    with pytest.raises(UsageError, match=r"found int16 \(4, 150\)"):
        tokens(codes=np.zeros((4, 150), dtype=np.int16))


def test_each_segment_has_one_scale() -> None:
    with pytest.raises(UsageError, match=r"one float32 scale for each of 2 segments, found float32 \(3,\)"):
        tokens(scales=np.ones(3, dtype=np.float32))
    with pytest.raises(UsageError, match=r"found float64 \(2,\)"):
        tokens(scales=np.ones(2))


def test_there_is_no_negative_length() -> None:
    with pytest.raises(UsageError, match="expected 0 frames or more, found -1"):
        tokens(frames=-1)


@pytest.mark.parametrize("frames", [1.5, True, "1", None])
def test_a_length_is_a_whole_number(frames: object) -> None:
    with pytest.raises(UsageError, match=f"expected 0 frames or more, found {frames!r}"):
        tokens(frames=frames)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate_hz", [0, -48_000, 48_000.0])
def test_a_sample_rate_is_a_whole_number_above_nothing(rate_hz: int) -> None:
    with pytest.raises(UsageError, match=f"expected a sample rate of 1 Hz or more, found {rate_hz!r}"):
        replace(tokens(), sample_rate_hz=rate_hz)


@pytest.mark.parametrize("codec_id", ["", 5])
def test_tokens_without_a_codec_are_refused(codec_id: object) -> None:
    with pytest.raises(UsageError, match=f"expected the name of their codec, found {codec_id!r}"):
        replace(tokens(), codec_id=codec_id)  # type: ignore[arg-type]


def test_tokens_are_compared_without_a_look_at_their_arrays() -> None:
    one = tokens()
    assert one == one  # noqa: PLR0124 - with arrays inside, this used to raise
    assert one != tokens()
    assert len({one, tokens()}) == 2

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebounce.engine.chunk_positions import (
    POSITIONS,
    Rescale,
    rescale_cue,
    rescale_list,
    rescale_marks,
    rescale_smpl,
)

DOWN = Rescale(old_rate_hz=96_000, new_rate_hz=48_000)
SAME = Rescale(old_rate_hz=44_100, new_rate_hz=44_100)


@given(frames=st.integers(0, 2**40), rates=st.tuples(*[st.integers(8000, 192_000)] * 2))
def test_a_position_stays_within_half_a_frame_of_its_moment(frames: int, rates: tuple[int, int]) -> None:
    moved = Rescale(old_rate_hz=rates[0], new_rate_hz=rates[1]).frames(frames)
    assert abs(moved * rates[0] - frames * rates[1]) * 2 <= rates[0]


def test_a_position_never_leaves_its_field() -> None:
    assert Rescale(old_rate_hz=8000, new_rate_hz=192_000).fits(2**31) == 2**32 - 1


@given(data=st.binary(max_size=120), name=st.sampled_from(sorted(POSITIONS)), order=st.sampled_from("<>"))
def test_damaged_payloads_keep_their_length_and_at_one_rate_their_bytes(data: bytes, name: str, order: str) -> None:
    assert len(POSITIONS[name](data, DOWN, order)) == len(data)
    if name != "smpl":  # which also says how long a frame is
        assert POSITIONS[name](data, SAME, order) == data


@pytest.mark.parametrize("order", ["<", ">"])
def test_cue_points_move(order: str) -> None:
    point = struct.Struct(f"{order}II4sIII")
    old = struct.pack(f"{order}I", 2) + point.pack(1, 1000, b"data", 0, 0, 1000) + point.pack(2, 7, b"data", 0, 0, 9)
    new = struct.pack(f"{order}I", 2) + point.pack(1, 500, b"data", 0, 0, 500) + point.pack(2, 4, b"data", 0, 0, 4)
    assert rescale_cue(old, DOWN, order) == new


def test_loops_and_the_length_of_a_frame_move() -> None:
    head = struct.Struct("<9I")
    loop = struct.Struct("<6I")
    old = head.pack(1, 2, 10_417, 60, 0, 0, 0, 1, 3) + loop.pack(5, 0, 96_000, 192_000, 7, 0) + b"xyz"
    new = head.pack(1, 2, 20_833, 60, 0, 0, 0, 1, 3) + loop.pack(5, 0, 48_000, 96_000, 7, 0) + b"xyz"
    assert rescale_smpl(old, DOWN, "<") == new


def test_labelled_regions_get_their_new_length_and_labels_stay() -> None:
    label = b"labl" + struct.pack("<II", 9, 1) + b"Hook\0" + b"\0"
    old = b"adtl" + label + b"ltxt" + struct.pack("<III4s", 20, 1, 96_000, b"rgn ") + bytes(8)
    new = b"adtl" + label + b"ltxt" + struct.pack("<III4s", 20, 1, 48_000, b"rgn ") + bytes(8)
    assert rescale_list(old, DOWN, "<") == new
    assert rescale_list(b"INFO" + old[4:], DOWN, "<") == b"INFO" + old[4:]


@pytest.mark.parametrize("name", [b"", b"A", b"Verse"])
def test_marks_move_whatever_the_length_of_their_names(name: bytes) -> None:
    text = bytes([len(name)]) + name
    text += bytes(len(text) % 2)
    marks = [struct.pack(">HI", number, position) + text for number, position in ((1, 1000), (2, 96_000))]
    moved = [struct.pack(">HI", number, position) + text for number, position in ((1, 500), (2, 48_000))]
    count = struct.pack(">H", 2)
    assert rescale_marks(count + b"".join(marks), DOWN, ">") == count + b"".join(moved)

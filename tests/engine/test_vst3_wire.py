"""Messages arrive whole or not at all, and both ends see the same audio."""

import io
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import noise

from rebounce.engine.audio import MOST_CHANNELS
from rebounce.engine.stream import GRID_FRAMES
from rebounce.engine.vst3_wire import (
    AUDIO_BYTES,
    SharedMemory,
    anonymous_file,
    frames_at_once,
    read_message,
    write_message,
)


@settings(max_examples=25, deadline=None)
@given(
    messages=st.lists(st.dictionaries(st.text(), st.floats(allow_nan=False) | st.text() | st.booleans()), max_size=4)
)
def test_messages_come_back_in_order(messages: list[dict[str, object]]) -> None:
    pipe = io.BytesIO()
    for message in messages:
        write_message(pipe, message)
    pipe.seek(0)
    assert [read_message(pipe) for _ in messages] == messages
    assert read_message(pipe) is None


@pytest.mark.parametrize("kept", [0, 1, 4, 10])
def test_a_message_that_was_cut_off_is_none(kept: int) -> None:
    pipe = io.BytesIO()
    write_message(pipe, {"do": "block", "frames": 8192})
    assert read_message(io.BytesIO(pipe.getvalue()[:kept])) is None


@pytest.mark.parametrize("channels", [1, 2, 3, 6, MOST_CHANNELS])
def test_a_message_carries_whole_blocks_of_the_grid_and_fits(channels: int) -> None:
    frames = frames_at_once(channels)
    assert frames >= GRID_FRAMES
    assert frames % GRID_FRAMES == 0
    assert channels * frames * 4 <= AUDIO_BYTES


def test_both_ends_see_the_same_audio_and_flag() -> None:
    with anonymous_file() as file:
        one = SharedMemory.create(file, "rebounce-test")
        kind, number = one.address.split(":")
        other = SharedMemory.attach(f"{kind}:{os.dup(int(number))}")
    one.audio(2, 100)[:] = noise(100)
    assert np.array_equal(other.audio(2, 100), noise(100))
    assert not one.is_busy
    other.is_busy = True
    assert one.is_busy

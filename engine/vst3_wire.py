"""What the two ends of a hosted plugin share: framed messages on a pipe, and one piece of memory for the audio.

The memory has no name on Linux and macOS (an anonymous file handed down by its descriptor) and a name that dies with
its last user on Windows, so nothing is left behind however either end dies. Only the Linux path has been run.
"""

import json
import mmap
import os
import struct
import sys
import tempfile
from typing import IO, Any

import numpy as np

from rebounce.engine.audio import MOST_CHANNELS, Audio
from rebounce.engine.stream import GRID_FRAMES

Message = dict[str, Any]

# A message costs about 25 us on top of the processing, so several blocks of the grid travel in one.
MOST_BLOCKS_AT_ONCE = 8
AUDIO_BYTES = MOST_CHANNELS * GRID_FRAMES * 4
HEADER_BYTES = 64
_LENGTH = struct.Struct("<I")


def frames_at_once(channels: int) -> int:
    """How many frames of that many channels go into one message: whole blocks of the grid."""
    blocks = AUDIO_BYTES // (channels * GRID_FRAMES * 4)
    return GRID_FRAMES * min(MOST_BLOCKS_AT_ONCE, blocks)


def write_message(pipe: IO[bytes], message: Message) -> None:
    """Send one message whole."""
    body = json.dumps(message).encode()
    pipe.write(_LENGTH.pack(len(body)) + body)
    pipe.flush()


def read_message(pipe: IO[bytes]) -> Message | None:
    """The next message, or None when the other end is gone."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(head)
    body = pipe.read(size)
    return json.loads(body) if len(body) == size else None


def anonymous_file() -> IO[bytes]:
    """A file without a name: in memory on Linux, in the temporary folder elsewhere."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("rebounce"), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


class SharedMemory:
    """Audio and a busy flag that parent and child both see; `address` is what the child opens it by."""

    def __init__(self, address: str, memory: mmap.mmap) -> None:
        self.address = address
        self._memory = memory

    @classmethod
    def create(cls, file: IO[bytes], tag: str) -> "SharedMemory":
        """New memory: over `file`, or under `tag` on Windows, which hands no descriptors down."""
        if sys.platform == "win32":
            return cls(f"tag:{tag}", mmap.mmap(-1, HEADER_BYTES + AUDIO_BYTES, tagname=tag))
        file.truncate(HEADER_BYTES + AUDIO_BYTES)
        return cls(f"fd:{file.fileno()}", mmap.mmap(file.fileno(), HEADER_BYTES + AUDIO_BYTES))

    @classmethod
    def attach(cls, address: str) -> "SharedMemory":
        """The memory that the other end created."""
        kind, _, place = address.partition(":")
        if kind == "tag" and sys.platform == "win32":
            return cls(address, mmap.mmap(-1, HEADER_BYTES + AUDIO_BYTES, tagname=place))
        memory = mmap.mmap(int(place), HEADER_BYTES + AUDIO_BYTES)
        os.close(int(place))
        return cls(address, memory)

    def audio(self, channels: int, frames: int) -> Audio:
        """The audio part, seen as `(channels, frames)`."""
        flat = np.frombuffer(self._memory, dtype=np.float32, count=channels * frames, offset=HEADER_BYTES)
        return flat.reshape(channels, frames)

    @property
    def is_busy(self) -> bool:
        """True while the plugin is working on a block."""
        return self._memory[0] == 1

    @is_busy.setter
    def is_busy(self, value: bool) -> None:
        self._memory[0] = int(value)

"""How the two sides of a pair are stored: the same container and depth for both, and samples at one common gain.

What always holds: equal audio gives equal bytes, without time stamps; what a depth can hold exactly is stored exactly,
and dithered else; nothing is carried over of the metadata of the source, of which a pair is often but an excerpt.
"""

from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.carried_chunks import Change
from rebounce.engine.carried_layout import carried_layout
from rebounce.engine.chunked_output import ChunkedOutput
from rebounce.engine.chunks import AIFF, RIFX, Container
from rebounce.engine.clipping_rule import full_scale_gain
from rebounce.engine.errors import UnsupportedAudio, UsageError
from rebounce.engine.flac_output import FlacOutput
from rebounce.engine.lossy_output import LossyOutput
from rebounce.engine.outputs import Output
from rebounce.engine.pcm import GRID_FRAMES, Conversion, merge
from rebounce.engine.riff_conversion import bare_wave
from rebounce.engine.sample_formats import (
    CONTAINER_SUBTYPES,
    FLAC_MOST_CHANNELS,
    LOSSY_SUBTYPES,
    MP3_RATES_HZ,
    SampleFormat,
    check_depth,
    choose_subtype,
    depth_of,
)
from rebounce.engine.sink import LEAST_SHARES
from rebounce.engine.source import AudioInfo, Source
from rebounce.engine.tags import Tags

# Of a source's own container, what says how its samples are stored.
STRUCTURE = ("fmt ", "fact", "ds64", "COMM", "FVER")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for: `file_format` wav, flac, mp3, ogg or keep, `bit_depth` 16, 24, 32f or keep.

    Without a depth it is 32-bit float, which cannot clip, or 24 bits where the container has no float.
    """

    file_format: str = "wav"
    bit_depth: str | None = None

    def __post_init__(self) -> None:
        if self.bit_depth is not None and self.file_format != "keep":
            check_depth(self.file_format.upper(), self.bit_depth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """How one pair is stored; `container` is the source's own, bare, where that is kept."""

    kind: str
    stored: SampleFormat
    container: Container | None

    def gain_for(self, sides: tuple[Audio, ...]) -> float:
        """One gain for all sides: 1, or what keeps the loudest within full scale where nothing beyond it is stored.

        An encoder takes floats, and yet what is far beyond full scale has LAME end the whole process.
        """
        peak = max(float(np.abs(side).max(initial=0.0)) for side in sides)
        depth = depth_of(self.stored.subtype)
        is_unbounded = depth.is_float and self.kind not in LOSSY_SUBTYPES
        return 1.0 if is_unbounded or peak <= 1 else full_scale_gain(peak, depth.bits)

    def least_bytes(self, frames: int) -> int:
        """How much room the samples of one side are sure to take."""
        frame_bytes = depth_of(self.stored.subtype).sample_bytes * self.stored.channels
        return int(frames * frame_bytes * LEAST_SHARES.get(self.kind, 1.0))


def plan_storage(source: Source, wish: Wish, sample_rate_hz: int) -> Storage:
    """How a pair made of this source at this rate is stored; refuses what the container cannot hold."""
    info = source.info
    kind = info.container if wish.file_format == "keep" else wish.file_format.upper()
    _check(info, kind, sample_rate_hz)
    subtype = _subtype(info, kind, wish.bit_depth)
    container = source.container if wish.file_format == "keep" else None
    is_big = container is not None and container.dialect in (AIFF, RIFX)
    stored = SampleFormat(
        subtype=subtype,
        bits=depth_of(subtype).bits,
        endian="BIG" if is_big else "LITTLE",
        sample_rate_hz=sample_rate_hz,
        channels=info.channels,
    )
    return Storage(kind=kind, stored=stored, container=container and _bare(container))


def write_audio(storage: Storage, source: Source, audio: Audio, out: BinaryIO) -> None:
    """Write one side `(channels, frames)`, within full scale where only integers are stored."""
    output = _open(storage, source, audio.shape[1], out)
    stored = storage.stored
    conversion = Conversion(source="FLOAT", source_bits=32, target=stored.subtype, target_bits=stored.bits)
    try:
        for start in range(0, audio.shape[1], GRID_FRAMES):
            block = audio[:, start : start + GRID_FRAMES]
            output.write(merge(start // GRID_FRAMES, block.T, block, conversion).samples)
        output.finish(None)
    except BaseException:
        output.discard()
        raise


def _check(info: AudioInfo, kind: str, sample_rate_hz: int) -> None:
    if kind == "MP3" and sample_rate_hz not in MP3_RATES_HZ:
        raise UnsupportedAudio(
            f"{info.path}: MP3 has no {sample_rate_hz} Hz; add --sample-rate 48000, or choose --format flac or wav"
        )
    most = {"MP3": 2, "FLAC": FLAC_MOST_CHANNELS}.get(kind)
    if most is not None and info.channels > most:
        raise UnsupportedAudio(
            f"{info.path}: {info.channels} channels, and {kind} holds at most {most}; choose --format wav"
        )


def _subtype(info: AudioInfo, kind: str, bit_depth: str | None) -> str:
    if bit_depth is not None:
        try:
            return choose_subtype(info.subtype, kind, bit_depth)
        except UsageError as problem:
            raise UnsupportedAudio(f"{info.path}: {problem}") from problem
    if kind in LOSSY_SUBTYPES:
        return LOSSY_SUBTYPES[kind]
    return "FLOAT" if "FLOAT" in CONTAINER_SUBTYPES[kind] else "PCM_24"


def _bare(container: Container) -> Container:
    """The container without anything but what describes its samples."""
    before = tuple(chunk for chunk in container.before if chunk.name in STRUCTURE)
    return replace(container, before=before, after=(), tail=None)


def _open(storage: Storage, source: Source, frames: int, out: BinaryIO) -> Output:
    stored = storage.stored
    if storage.kind in LOSSY_SUBTYPES:
        return LossyOutput(storage.kind, stored, Tags(), out)
    if storage.kind == "FLAC":
        return FlacOutput(b"", (), stored, out)
    # As if integers became what is stored: floats get the count of frames that the format wants beside them then.
    container = storage.container or bare_wave(replace(stored, subtype="PCM_16", bits=16))
    layout, _ = carried_layout(
        source.file, container, Change(old=container.format, new=stored, frames=frames, maker="")
    )
    return ChunkedOutput(layout, stored, source.file, out)

"""Makes the chunks of a WAV file out of those of another container, and out of tags.

What always holds: what has a counterpart in WAV is carried over, and what has none is named in a message.
"""

import struct
from dataclasses import replace
from typing import BinaryIO

from rebounce.engine.chunks import (
    AIFF,
    GUID_TAIL,
    LIST_GUID,
    RIFF,
    RIFX,
    Chunk,
    Container,
    first_named,
    new_chunk,
    payload,
)
from rebounce.engine.flac_blocks import CueTrack
from rebounce.engine.id3_tags import TEXT_CHUNK_KEYS, make_id3, make_info_list, read_text_chunks
from rebounce.engine.sample_formats import SampleFormat
from rebounce.engine.tags import Tags
from rebounce.engine.wave_format import make_wave_format

# They say how an AIFF file is stored, which `fmt ` does in a WAV.
AIFF_STRUCTURE = ("COMM", "FVER")
LEAD_OUT_TRACKS = (170, 255)


def bare_wave(stored: SampleFormat) -> Container:
    """A WAV that holds nothing yet but the format of its samples."""
    return Container(
        name="WAV",
        dialect=RIFF,
        magic=b"RIFF",
        form=b"WAVE",
        format=stored,
        before=(new_chunk("fmt ", make_wave_format(stored)),),
        samples=new_chunk("data", b""),
        after=(),
    )


def as_wave(file: BinaryIO, container: Container, stored: SampleFormat) -> tuple[Container, list[str]]:
    """A WAV with the chunks of any container, and what is to be said about those that WAV has no place for."""
    if container.dialect in (RIFF, RIFX):
        kept = tuple(chunk for chunk in container.before if chunk.name != "ds64")
        return replace(container, magic=b"RIFX" if container.dialect is RIFX else b"RIFF", before=kept), []
    return _from_aiff(file, container, stored) if container.dialect is AIFF else _from_wave64(container)


def _from_wave64(container: Container) -> tuple[Container, list[str]]:
    messages: list[str] = []
    before, after = (_renamed(chunks, messages) for chunks in (container.before, container.after))
    wave = replace(container, name="WAV", dialect=RIFF, magic=b"RIFF", form=b"WAVE", before=before, after=after)
    return wave, messages


def _renamed(chunks: tuple[Chunk, ...], messages: list[str]) -> tuple[Chunk, ...]:
    kept = []
    for chunk in chunks:
        if chunk.id[4:] == GUID_TAIL or chunk.id == LIST_GUID:
            kept.append(replace(chunk, id=chunk.name.encode("latin-1")))
        else:
            messages.append(f"the Wave64 chunk {chunk.name} has no counterpart in WAV and was left out")
    return tuple(kept)


def _from_aiff(file: BinaryIO, container: Container, stored: SampleFormat) -> tuple[Container, list[str]]:
    data = {chunk: payload(file, chunk) for chunk in container.chunks if chunk.name in CONVERTED}
    marks = [mark for chunk, content in data.items() if chunk.name == "MARK" for mark in read_marks(content)]
    after = cue_chunks([(position, name) for _, position, name in marks])
    info = make_info_list(read_text_chunks(data.items()))
    if info:
        after.append(new_chunk("LIST", info))
    after += [new_chunk("id3 ", content) for chunk, content in data.items() if chunk.name == "ID3 "]
    known = (*CONVERTED, *AIFF_STRUCTURE, "PEAK")
    lost = sorted({chunk.name for chunk in container.chunks if chunk.name not in known})
    messages = [f"the AIFF chunks {', '.join(lost)} have no counterpart in WAV and were left out"] if lost else []
    wave = replace(bare_wave(replace(stored, sample_rate_hz=container.format.sample_rate_hz)), after=tuple(after))
    return wave, messages


CONVERTED = ("MARK", "ID3 ", *TEXT_CHUNK_KEYS)


def read_marks(data: bytes) -> list[tuple[int, int, str]]:
    """Id, position and name of each mark in an AIFF `MARK` payload."""
    marks = []
    place = 2
    for _ in range(struct.unpack_from(">H", data)[0] if len(data) >= 2 else 0):
        if place + 7 > len(data):
            break
        number, position, length = struct.unpack_from(">HIB", data, place)
        name = data[place + 7 : place + 7 + length].decode("latin-1")
        marks.append((number, position, name))
        place += 7 + length + (length + 1) % 2
    return marks


def cue_chunks(points: list[tuple[int, str]]) -> list[Chunk]:
    """A `cue ` chunk for positions in frames, and the list of their labels."""
    if not points:
        return []
    cue = struct.pack("<I", len(points))
    labels = b"adtl"
    for number, (position, name) in enumerate(points, start=1):
        cue += struct.pack("<II4sIII", number, min(position, 0xFFFFFFFF), b"data", 0, 0, min(position, 0xFFFFFFFF))
        text = name.encode() + b"\0"
        labels += struct.pack("<4sII", b"labl", 4 + len(text), number) + text + bytes(len(text) % 2)
    return [new_chunk("cue ", cue), new_chunk("LIST", labels)]


def track_points(tracks: list[CueTrack]) -> list[tuple[int, str]]:
    """Where the tracks of a cue sheet begin: at their index 1, which is the last for all but the first of a disc."""
    played = [track for track in tracks if track.number not in LEAD_OUT_TRACKS]
    return [(track.offset + max(track.index_offsets, default=0), f"Track {track.number}") for track in played]


def with_tags(file: BinaryIO, wave: Container, tags: Tags) -> Container:
    """The WAV with tags behind its samples: all of them as ID3, and what INFO has names for as such."""
    after = list(wave.after)
    info = make_info_list(tags)
    lists = [chunk for chunk in wave.chunks if chunk.name == "LIST"]
    if info and not any(payload(file, chunk)[:4] == b"INFO" for chunk in lists):
        after.append(new_chunk("LIST", info))
    has_id3 = first_named(wave.chunks, "id3 ") is not None
    id3 = b"" if has_id3 else make_id3(tags)
    if id3:
        after.append(new_chunk("id3 ", id3))
    return replace(wave, after=tuple(after))

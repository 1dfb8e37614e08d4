"""The metadata blocks of a FLAC output: the input's own, or made of another container's chunks and tags."""

from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from rebounce.engine.carried_chunks import Change
from rebounce.engine.carried_layout import carried_layout
from rebounce.engine.chunks import AIFF, Container
from rebounce.engine.flac_blocks import (
    CUESHEET,
    PICTURE,
    SEEKTABLE,
    STREAMINFO,
    VORBIS_COMMENT,
    FlacBlock,
    FlacFile,
    rescale_cuesheet,
)
from rebounce.engine.foreign_chunks import foreign_id, read_foreign, write_foreign
from rebounce.engine.sample_formats import SampleFormat
from rebounce.engine.tags import LOUDNESS_MESSAGE, Tags, make_vorbis_comment, read_vorbis_comment, without_loudness


def carried_blocks(path: Path, file: BinaryIO, flac: FlacFile, change: Change) -> tuple[list[FlacBlock], list[str]]:
    """The input's own blocks in their order, all but those that libFLAC makes anew."""
    blocks: list[FlacBlock] = []
    messages: list[str] = []
    foreign = read_foreign(path, flac.blocks)
    is_foreign_done = foreign is None
    for block in flac.blocks:
        if foreign is not None and foreign_id(block) is not None:
            if not is_foreign_done:
                found, said = foreign_blocks(file, foreign, change)
                blocks += found
                messages += said
            is_foreign_done = True
        elif block.kind == VORBIS_COMMENT:
            blocks.append(_without_loudness(block, messages))
        elif block.kind == CUESHEET:
            blocks.append(replace(block, data=rescale_cuesheet(block.data, change.rescale)))
        elif block.kind not in (STREAMINFO, SEEKTABLE):
            blocks.append(block)
    return blocks, messages


def _without_loudness(block: FlacBlock, messages: list[str]) -> FlacBlock:
    comment = read_vorbis_comment(block.data)
    _, had_loudness = without_loudness(Tags(comments=comment.pairs()))
    if not had_loudness:
        return block
    messages.append(LOUDNESS_MESSAGE)
    kept = (entry for entry in comment.entries if not without_loudness(_one_tag(entry))[1])
    return replace(block, data=replace(comment, entries=tuple(kept)).pack())


def _one_tag(entry: bytes) -> Tags:
    key, _, text = entry.decode("utf-8", errors="replace").partition("=")
    return Tags(comments=((key, text),))


def foreign_blocks(file: BinaryIO, container: Container, change: Change) -> tuple[list[FlacBlock], list[str]]:
    """The chunks of a container as blocks; the samples they speak of are those of the output."""
    old = container.format
    stored = SampleFormat(
        subtype=_subtype_in(container, change.new.subtype),
        bits=change.new.bits,
        endian=old.endian,
        sample_rate_hz=change.new.sample_rate_hz,
        channels=change.new.channels,
    )
    layout, messages = carried_layout(file, container, replace(change, old=old, new=stored))
    blocks, said = write_foreign(file, layout)
    return blocks, messages + said


def _subtype_in(container: Container, subtype: str) -> str:
    """8 bits are signed in FLAC and AIFF, and unsigned in WAV."""
    return "PCM_U8" if subtype == "PCM_S8" and container.dialect is not AIFF else subtype


def tag_blocks(tags: Tags, vendor: str) -> tuple[list[FlacBlock], list[str]]:
    """Comments and pictures as blocks, and what is to be said about tags that have no place there."""
    messages = []
    if tags.left_out:
        messages.append(f"{', '.join(tags.left_out)}: no counterpart among Vorbis comments, left out")
    comment = make_vorbis_comment(vendor, tags)
    pictures = [FlacBlock(kind=PICTURE, data=picture) for picture in tags.pictures]
    return [FlacBlock(kind=VORBIS_COMMENT, data=comment.pack()), *pictures], messages

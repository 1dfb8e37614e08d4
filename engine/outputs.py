"""Chooses what writes a restored file, and what it carries over, from the kinds of the input and the output."""

from dataclasses import replace
from typing import BinaryIO, Protocol

from rebounce.engine.bext import BextLoudness
from rebounce.engine.carried_chunks import Change
from rebounce.engine.carried_layout import carried_layout
from rebounce.engine.chunked_output import ChunkedOutput
from rebounce.engine.chunks import Container
from rebounce.engine.flac_blocks import APPLICATION, CUESHEET, FlacFile, cue_tracks
from rebounce.engine.flac_metadata import carried_blocks, foreign_blocks, tag_blocks
from rebounce.engine.flac_output import FlacOutput
from rebounce.engine.foreign_chunks import foreign_id, read_foreign
from rebounce.engine.lossy_output import LossyOutput
from rebounce.engine.pcm import Samples
from rebounce.engine.riff_conversion import as_wave, bare_wave, cue_chunks, track_points, with_tags
from rebounce.engine.sample_formats import LOSSY_SUBTYPES
from rebounce.engine.source import Source
from rebounce.engine.tag_reading import TAG_CHUNKS, tags_for_output
from rebounce.engine.target import Target


class Output(Protocol):
    """A file on its way: samples `(frames, channels)` one after another, then what follows them."""

    def write(self, samples: Samples) -> None: ...

    def finish(self, loudness: BextLoudness | None) -> None: ...

    def discard(self) -> None: ...


def open_output(source: Source, target: Target, out: BinaryIO) -> tuple[Output, list[str]]:
    """The output, with everything before its samples written, and what is to be said about what was carried over."""
    change = _change(source, target)
    if target.container in LOSSY_SUBTYPES:
        return _lossy(source, target, out)
    if target.container == "FLAC":
        return _flac(source, target, change, out)
    assert target.container in (source.info.container, "WAV"), target.container
    is_same = source.container is not None and source.info.container == target.container
    container, messages = (source.container, []) if is_same else _converted(source, change)
    assert container is not None
    change = replace(change, old=container.format)
    layout, said = carried_layout(source.file, container, change, target.riff_most_bytes)
    return ChunkedOutput(layout, change.new, source.file, out), messages + said


def _change(source: Source, target: Target) -> Change:
    stored = target.stored(source)
    old = source.container.format if source.container else replace(stored, sample_rate_hz=source.info.sample_rate_hz)
    return Change(old=old, new=stored, frames=target.frames(source), maker=target.maker)


def _converted(source: Source, change: Change) -> tuple[Container, list[str]]:
    """A WAV made of what another container holds."""
    old = replace(change.new, sample_rate_hz=source.info.sample_rate_hz)
    if source.container is not None:
        return as_wave(source.file, source.container, old)
    assert source.stream is not None
    wave = bare_wave(old)
    messages: list[str] = []
    flac = source.stream.flac
    foreign = read_foreign(source.info.path, flac.blocks) if flac else None
    if foreign is not None:
        wave, messages = as_wave(source.file, foreign, old)
    if flac is not None:
        tracks = [track for data in flac.of_kind(CUESHEET) for track in cue_tracks(data)]
        if not any(chunk.name == "cue " for chunk in wave.chunks):
            wave = replace(wave, after=(*wave.after, *cue_chunks(track_points(tracks))))
        messages += _other_applications(flac)
    tags, said = tags_for_output(source)
    return with_tags(source.file, wave, tags), messages + said


def _other_applications(flac: FlacFile) -> list[str]:
    """What other programs put into a FLAC file for themselves."""
    others = [block for block in flac.blocks if block.kind == APPLICATION and foreign_id(block) is None]
    names = sorted({block.data[:4].decode("latin-1") for block in others})
    return [f"the FLAC application blocks {', '.join(names)} have no place in WAV and were left out"] if names else []


def _flac(source: Source, target: Target, change: Change, out: BinaryIO) -> tuple[Output, list[str]]:
    stream = source.stream
    if stream is not None and stream.flac is not None:
        blocks, messages = carried_blocks(source.info.path, source.file, stream.flac, change)
        return FlacOutput(stream.flac.prefix, blocks, change.new, out), messages
    tags, said = tags_for_output(source)
    blocks, messages = tag_blocks(tags, target.maker.partition(";")[0])
    messages += said
    if source.container is not None:
        found, said = foreign_blocks(source.file, source.container, change)
        blocks += found
        messages += said
    return FlacOutput(b"", blocks, change.new, out), messages


def _lossy(source: Source, target: Target, out: BinaryIO) -> tuple[Output, list[str]]:
    tags, messages = tags_for_output(source)
    if source.container is not None:
        lost = sorted({chunk.name.strip() for chunk in source.container.chunks if chunk.name not in _NOT_LOST})
        if lost:
            messages.append(f"the chunks {', '.join(lost)} have no place in {target.container} and were left out")
    if target.container == "OGG" and tags.left_out:
        messages.append(f"{', '.join(tags.left_out)}: no counterpart among Vorbis comments, left out")
    return LossyOutput(target.container, target.stored(source), tags, out), messages


# Structure and filling, and what goes over as tags.
_NOT_LOST = ("fmt ", "fact", "ds64", "JUNK", "junk", "FLLR", "PAD ", "PEAK", "COMM", "FVER", *TAG_CHUNKS)

"""Finds the tags of an input, wherever its container keeps them."""

import base64
import binascii
from dataclasses import replace
from typing import Any

from rebounce.engine.chunks import Container, payload
from rebounce.engine.encoded_streams import id3_bytes
from rebounce.engine.flac_blocks import PICTURE, VORBIS_COMMENT, FlacFile
from rebounce.engine.id3_tags import (
    COMMENT_KEY,
    FRAME_KEYS,
    TEXT_CHUNK_KEYS,
    read_id3,
    read_info_list,
    read_text_chunks,
    without_measured_gain,
)
from rebounce.engine.mp3_frames import ID3V1_BYTES
from rebounce.engine.source import Source
from rebounce.engine.tags import (
    LOUDNESS_MESSAGE,
    PICTURE_KEY,
    Tags,
    joined_tags,
    read_vorbis_comment,
    without_loudness,
)

ID3_CHUNKS = ("id3 ", "ID3 ")
TAG_CHUNKS = (*ID3_CHUNKS, "LIST", *TEXT_CHUNK_KEYS)


def tags_for_output(source: Source) -> tuple[Tags, list[str]]:
    """The tags of the input without what was measured on its samples, and what is to be said about that."""
    tags, had_comments = without_loudness(read_tags(source))
    id3, had_frames = without_measured_gain(tags.id3)
    return replace(tags, id3=id3), [LOUDNESS_MESSAGE] if had_comments or had_frames else []


def read_tags(source: Source) -> Tags:
    """All tags of the input, in one form."""
    if source.container is not None:
        return _tags_of_chunks(source, source.container)
    assert source.stream is not None
    if source.stream.flac is not None:
        return _tags_of_flac(source.stream.flac)
    return _tags_of_ogg(source) if source.stream.kind == "OGG" else _tags_of_mp3(source)


def _tags_of_chunks(source: Source, container: Container) -> Tags:
    texts = [(chunk, payload(source.file, chunk)) for chunk in container.chunks if chunk.name in TAG_CHUNKS]
    tags = Tags()
    for chunk, data in texts:
        if chunk.name in ID3_CHUNKS:
            tags = joined_tags(tags, read_id3(data))
    for chunk, data in texts:
        if chunk.name == "LIST":
            tags = joined_tags(tags, read_info_list(data))
    return joined_tags(tags, read_text_chunks(texts))


def _tags_of_flac(flac: FlacFile) -> Tags:
    comments = tuple(pair for data in flac.of_kind(VORBIS_COMMENT) for pair in read_vorbis_comment(data).pairs())
    return Tags(comments=comments, pictures=tuple(flac.of_kind(PICTURE)))


def _tags_of_mp3(source: Source) -> Tags:
    size = id3_bytes(source.file)
    source.file.seek(0)
    tags = read_id3(source.file.read(size)) if size else Tags()
    older = joined_tags(_id3v1(source), _ape(source))
    return joined_tags(tags, older) if tags.is_empty else tags


def _id3v1(source: Source) -> Tags:
    """The 128 bytes at the end, which programs of the nineties wrote."""
    from mutagen.id3 import ParseID3v1

    source.file.seek(max(0, source.file.seek(0, 2) - ID3V1_BYTES))
    frames: dict[str, Any] = ParseID3v1(source.file.read(ID3V1_BYTES)) or {}
    pairs = [(FRAME_KEYS.get(name, COMMENT_KEY), str(frame.text[0])) for name, frame in frames.items()]
    return Tags(comments=tuple(pairs))


def _ape(source: Source) -> Tags:
    from mutagen.apev2 import APENoHeaderError, APETextValue, APEv2

    try:
        values = APEv2(source.file)
    except APENoHeaderError:
        return Tags()
    texts = [(key.upper(), value) for key, value in values.items() if isinstance(value, APETextValue)]
    return Tags(comments=tuple((key, text) for key, value in texts for text in value))


def _tags_of_ogg(source: Source) -> Tags:
    import mutagen

    source.file.seek(0)
    found = mutagen.File(source.file)
    pairs = [(key.upper(), text) for key, text in (found.tags or [])] if found is not None else []
    pictures = []
    for key, text in pairs:
        if key == PICTURE_KEY:
            try:
                pictures.append(base64.b64decode(text, validate=True))
            except binascii.Error:
                return Tags(comments=_texts(pairs), left_out=("a cover picture that cannot be read",))
    return Tags(comments=_texts(pairs), pictures=tuple(pictures))


def _texts(pairs: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((key, text) for key, text in pairs if key != PICTURE_KEY)

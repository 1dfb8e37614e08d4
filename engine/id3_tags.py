"""ID3 tags to comments and back, with mutagen; also the RIFF and AIFF text chunks, which say the same things."""

import io
import struct
from collections.abc import Iterable
from typing import Any

from rebounce.engine.chunks import Chunk
from rebounce.engine.tags import LOUDNESS_KEYS, Tags

# ID3 text frames and the Vorbis comments that mean the same.
FRAME_KEYS = {
    "TIT2": "TITLE",
    "TPE1": "ARTIST",
    "TALB": "ALBUM",
    "TPE2": "ALBUMARTIST",
    "TDRC": "DATE",
    "TCON": "GENRE",
    "TRCK": "TRACKNUMBER",
    "TPOS": "DISCNUMBER",
    "TCOM": "COMPOSER",
    "TPE3": "CONDUCTOR",
    "TPE4": "REMIXER",
    "TEXT": "LYRICIST",
    "TPUB": "ORGANIZATION",
    "TCOP": "COPYRIGHT",
    "TSRC": "ISRC",
    "TBPM": "BPM",
    "TKEY": "INITIALKEY",
    "TLAN": "LANGUAGE",
    "TMOO": "MOOD",
    "TENC": "ENCODED-BY",
    "TSSE": "ENCODERSETTINGS",
    "TIT1": "GROUPING",
    "TIT3": "SUBTITLE",
    "TSST": "DISCSUBTITLE",
    "TDOR": "ORIGINALDATE",
    "TSOP": "ARTISTSORT",
    "TSOT": "TITLESORT",
    "TSOA": "ALBUMSORT",
    "TSO2": "ALBUMARTISTSORT",
}
KEY_FRAMES = {key: frame for frame, key in FRAME_KEYS.items()}
COMMENT_KEY, LYRICS_KEY = "COMMENT", "LYRICS"
# RIFF INFO entries and AIFF text chunks.
INFO_KEYS = {
    "INAM": "TITLE",
    "IART": "ARTIST",
    "IPRD": "ALBUM",
    "ICRD": "DATE",
    "IGNR": "GENRE",
    "ITRK": "TRACKNUMBER",
    "ICMT": "COMMENT",
    "ICOP": "COPYRIGHT",
    "IENG": "ENGINEER",
    "ISFT": "ENCODER",
    "ISRC": "SOURCE",
    "ITCH": "ENCODED-BY",
}
TEXT_CHUNK_KEYS = {"NAME": "TITLE", "AUTH": "ARTIST", "(c) ": "COPYRIGHT", "ANNO": "COMMENT"}
UTF8 = 3


def read_id3(data: bytes) -> Tags:
    """A whole ID3v2 tag; frames without a counterpart are named as left out, and kept in the tag's bytes."""
    from mutagen import MutagenError
    from mutagen.id3 import ID3

    try:
        tag = ID3(io.BytesIO(data))
    except (MutagenError, EOFError, ValueError) as problem:
        return Tags(id3=data, left_out=(f"the ID3 tag, which cannot be read ({problem})",))
    comments: list[tuple[str, str]] = []
    pictures: list[bytes] = []
    left_out: list[str] = []
    for frame in tag.values():
        pairs = _comments_of(frame)
        if frame.FrameID == "APIC":
            pictures.append(_picture_of(frame))
        elif pairs is None:
            left_out.append(f"ID3 {frame.FrameID}")
        else:
            comments += pairs
    return Tags(comments=tuple(comments), pictures=tuple(pictures), id3=data, left_out=tuple(left_out))


def _comments_of(frame: Any) -> list[tuple[str, str]] | None:
    if frame.FrameID in FRAME_KEYS:
        return [(FRAME_KEYS[frame.FrameID], str(text)) for text in frame.text]
    if frame.FrameID == "TXXX":
        return [(_vorbis_key(frame.desc), str(text)) for text in frame.text]
    if frame.FrameID == "COMM":
        key = f"{COMMENT_KEY}:{frame.desc}" if frame.desc else COMMENT_KEY
        return [(_vorbis_key(key), str(text)) for text in frame.text]
    return [(LYRICS_KEY, str(frame.text))] if frame.FrameID == "USLT" else None


def _vorbis_key(text: str) -> str:
    """Keys are printable ASCII without the equals sign."""
    return "".join(letter if " " <= letter <= "}" and letter != "=" else "_" for letter in text.upper()) or "TXXX"


def _picture_of(frame: Any) -> bytes:
    from mutagen.flac import Picture

    picture = Picture()
    picture.type, picture.mime, picture.desc, picture.data = int(frame.type), frame.mime, frame.desc, frame.data
    packed: bytes = picture.write()
    return packed


def make_id3(tags: Tags) -> bytes:
    """The input's own ID3 tag where it had one, else one made of the comments; empty where there are none."""
    if tags.id3 or tags.is_empty:
        return tags.id3
    from mutagen.flac import Picture
    from mutagen.id3 import APIC, ID3

    tag = ID3()
    for key in dict.fromkeys(key for key, _ in tags.comments):
        tag.add(_frame(key, [text for other, text in tags.comments if other == key]))
    for number, data in enumerate(tags.pictures):
        picture = Picture(data)
        # Frames of one kind are told apart by their description.
        description = picture.desc or (str(number) if number else "")
        tag.add(APIC(encoding=UTF8, mime=picture.mime, type=picture.type, desc=description, data=picture.data))
    out = io.BytesIO()
    tag.save(out, padding=lambda _: 0)
    return out.getvalue()


def _frame(key: str, texts: list[str]) -> Any:
    from mutagen import id3

    if key == LYRICS_KEY:
        return id3.USLT(encoding=UTF8, lang="und", desc="", text="\n".join(texts))
    if key.partition(":")[0] == COMMENT_KEY:
        return id3.COMM(encoding=UTF8, lang="und", desc=key.partition(":")[2], text=texts)
    if key in KEY_FRAMES:
        return getattr(id3, KEY_FRAMES[key])(encoding=UTF8, text=texts)
    return id3.TXXX(encoding=UTF8, desc=key, text=texts)


def without_measured_gain(data: bytes) -> tuple[bytes, bool]:
    """An ID3 tag without values measured on the input's samples, and whether there were any; else the tag as it was."""
    letters = data.upper().replace(b"\0", b"")  # without the zeros of UTF-16
    if b"REPLAYGAIN_" not in letters and b"RVA2" not in letters:
        return data, False
    from mutagen import MutagenError
    from mutagen.id3 import ID3

    version = max(3, data[3])
    try:
        tag = ID3(io.BytesIO(data), translate=data[3] < 3)
    except (MutagenError, EOFError, ValueError):
        return data, False
    measured = [key for key, frame in tag.items() if _is_measured(frame)]
    for key in measured:
        del tag[key]
    out = io.BytesIO()
    tag.save(out, v2_version=version, padding=lambda _: 0)
    return (out.getvalue(), True) if measured else (data, False)


def _is_measured(frame: Any) -> bool:
    if frame.FrameID == "TXXX":
        return str(frame.desc).upper().startswith(LOUDNESS_KEYS)
    return bool(frame.FrameID == "RVA2")


def read_info_list(data: bytes) -> Tags:
    """A LIST payload of kind `INFO`; nothing for other kinds."""
    comments = []
    place = 4 if data[:4] == b"INFO" else len(data)
    while place + 8 <= len(data):
        id, size = struct.unpack_from("<4sI", data, place)
        text = _text(data[place + 8 : place + 8 + size])
        name = id.decode("latin-1")
        if text:
            comments.append((INFO_KEYS.get(name, name), text))
        place += 8 + size + size % 2
    return Tags(comments=tuple(comments))


def make_info_list(tags: Tags) -> bytes:
    """A LIST payload of kind `INFO` with what it has names for; empty where that is nothing."""
    names = {key: name for name, key in INFO_KEYS.items()}
    entries = b""
    for key in dict.fromkeys(key for key, _ in tags.comments if key in names):
        text = "; ".join(text for other, text in tags.comments if other == key).encode() + b"\0"
        entries += struct.pack("<4sI", names[key].encode(), len(text)) + text + bytes(len(text) % 2)
    return b"INFO" + entries if entries else b""


def read_text_chunks(chunks: Iterable[tuple[Chunk, bytes]]) -> Tags:
    """AIFF's text chunks."""
    found = [(TEXT_CHUNK_KEYS[chunk.name], _text(data)) for chunk, data in chunks if chunk.name in TEXT_CHUNK_KEYS]
    return Tags(comments=tuple((key, text) for key, text in found if text))


def _text(data: bytes) -> str:
    """Old chunks name no encoding: most are UTF-8 today, and what is not was written on Windows."""
    bare = data.split(b"\0")[0]
    try:
        return bare.decode()
    except UnicodeDecodeError:
        return bare.decode("cp1252", errors="replace")

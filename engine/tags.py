"""What a listener is told about a recording (title, artist, cover) in one form for all containers.

What always holds: comments are `(KEY, text)` pairs as in Vorbis comments, in the order of the input; an ID3 tag that
the input had is also kept as it was, byte for byte.
"""

import struct
from dataclasses import dataclass

# Loudness of the input's samples, which a player would apply to the output's.
LOUDNESS_KEYS = ("REPLAYGAIN_", "R128_TRACK_GAIN", "R128_ALBUM_GAIN")
LOUDNESS_MESSAGE = "the ReplayGain tags described the input and were left out"
PICTURE_KEY = "METADATA_BLOCK_PICTURE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """`pictures` are payloads of FLAC's PICTURE block; `id3` is a whole ID3v2 tag; `left_out` names the rest."""

    comments: tuple[tuple[str, str], ...] = ()
    pictures: tuple[bytes, ...] = ()
    id3: bytes = b""
    left_out: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.comments or self.pictures or self.id3)


def joined_tags(first: Tags, second: Tags) -> Tags:
    """The first, and of the second what the first does not know."""
    known = {key for key, _ in first.comments}
    added = tuple((key, text) for key, text in second.comments if key not in known)
    return Tags(
        comments=first.comments + added,
        pictures=first.pictures or second.pictures,
        id3=first.id3 or second.id3,
        left_out=first.left_out + second.left_out,
    )


def without_loudness(tags: Tags) -> tuple[Tags, bool]:
    """Without comments measured on the input's samples, and whether there were any."""
    kept = tuple((key, text) for key, text in tags.comments if not key.upper().startswith(LOUDNESS_KEYS))
    return Tags(comments=kept, pictures=tags.pictures, id3=tags.id3, left_out=tags.left_out), kept != tags.comments


@dataclass(frozen=True, slots=True, kw_only=True)
class VorbisComment:
    """The payload of a Vorbis comment: who encoded the file, and the comments."""

    vendor: bytes
    entries: tuple[bytes, ...]

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The entries that are comments at all, keys in capitals."""
        texts = (entry.decode("utf-8", errors="replace").partition("=") for entry in self.entries)
        return tuple((key.upper(), text) for key, equals, text in texts if equals)

    def pack(self) -> bytes:
        parts = [struct.pack("<I", len(self.vendor)), self.vendor, struct.pack("<I", len(self.entries))]
        for entry in self.entries:
            parts += [struct.pack("<I", len(entry)), entry]
        return b"".join(parts)


def read_vorbis_comment(data: bytes) -> VorbisComment:
    """The payload as far as it is whole."""
    fields: list[bytes] = []
    place, count = 0, 1
    while place + 4 <= len(data) and len(fields) < count:
        (size,) = struct.unpack_from("<I", data, place)
        fields.append(data[place + 4 : place + 4 + size])
        place += 4 + size
        if len(fields) == 1 and place + 4 <= len(data):
            count += struct.unpack_from("<I", data, place)[0]
            place += 4
    return VorbisComment(vendor=fields[0] if fields else b"", entries=tuple(fields[1:]))


def make_vorbis_comment(vendor: str, tags: Tags) -> VorbisComment:
    """The comments as a payload of their own; pictures are not in it."""
    entries = tuple(f"{key}={text}".encode() for key, text in tags.comments)
    return VorbisComment(vendor=vendor.encode(), entries=entries)

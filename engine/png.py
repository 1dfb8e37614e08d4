"""Writing PNG pictures with nothing but zlib.

Pixels are rows from top to bottom. Two kinds: true colour from `(rows, columns, 3)`, and palette pictures from
`(rows, columns)` indices, which are several times smaller for anything drawn with a colour map and may be transparent.
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COMPRESSION_LEVEL = 9
TRUE_COLOUR = 2
PALETTE = 3

Pixels = NDArray[np.uint8]


def encode_rgb(pixels: Pixels) -> bytes:
    """The PNG file of `(rows, columns, 3)` uint8 colours."""
    assert pixels.dtype == np.uint8, pixels.dtype
    assert pixels.ndim == 3, pixels.shape
    assert pixels.shape[2] == 3, pixels.shape
    rows, columns, _ = pixels.shape
    return _file(columns, rows, TRUE_COLOUR, [], pixels.reshape(rows, columns * 3), 3)


def encode_indexed(indices: Pixels, palette: Pixels) -> bytes:
    """The PNG file of `(rows, columns)` uint8 indices into a palette `(colours, 4)` of red, green, blue, opacity."""
    assert indices.dtype == palette.dtype == np.uint8, (indices.dtype, palette.dtype)
    assert indices.ndim == 2, indices.shape
    assert palette.shape == (len(palette), 4), palette.shape
    assert int(indices.max(initial=0)) < len(palette) <= 256, len(palette)
    extra = [(b"PLTE", palette[:, :3].tobytes())]
    if (palette[:, 3] < 255).any():
        extra.append((b"tRNS", palette[:, 3].tobytes()))
    rows, columns = indices.shape
    return _file(columns, rows, PALETTE, extra, indices, 1)


def _file(
    columns: int, rows: int, colour_type: int, extra: list[tuple[bytes, bytes]], lines: Pixels, bytes_per_pixel: int
) -> bytes:
    """Header, extra chunks, and the lines, each stored as it is or as the difference that packs better."""
    header = struct.pack(">IIBBBBB", columns, rows, 8, colour_type, 0, 0, 0)
    plain = zlib.compress(_filtered(lines, 0, bytes_per_pixel), COMPRESSION_LEVEL)
    differences = zlib.compress(_filtered(lines, 1, bytes_per_pixel), COMPRESSION_LEVEL)
    body = min(plain, differences, key=len)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", body), (b"IEND", b"")]
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def _filtered(lines: Pixels, filter_type: int, bytes_per_pixel: int) -> bytes:
    """The lines, each behind its filter byte: 0 stores the bytes, 1 the difference to the pixel on the left."""
    stored = np.empty((lines.shape[0], lines.shape[1] + 1), dtype=np.uint8)
    stored[:, 0] = filter_type
    stored[:, 1:] = lines
    if filter_type == 1:
        stored[:, 1 + bytes_per_pixel :] -= lines[:, :-bytes_per_pixel]
    return stored.tobytes()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

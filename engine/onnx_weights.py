"""What weights an ONNX file holds and which files beside it they are taken from, read without the onnx package.

Always true here: every tensor of the file is seen, those inside nodes, functions and inner graphs too, and every place
it names; nothing is loaded, so a file of gigabytes takes milliseconds; what cannot be read is a ModelError.

onnxruntime 1.21 takes weights from whatever path a model names (/etc/passwd too), later versions from anywhere in its
folder; `check_places` holds every model to plain names of files beside it.
"""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path

from rebounce.engine.errors import ModelError
from rebounce.engine.package_names import is_inside

FLOAT16_KINDS = (10, 16)  # float16 and bfloat16
INT8_KINDS = (2, 3, 17, 18, 19, 20, 24)  # whole numbers and floats of one byte

_AGAIN = "fetch or export the model again"
# Bits of an element by ONNX's number for its type, where they are not eight.
_KINDS_OF_BITS = {4: (21, 22, 23), 16: (4, 5, 10, 16), 32: (1, 6, 12), 64: (7, 11, 13, 14), 128: (15,)}
_BITS = {kind: bits for bits, kinds in _KINDS_OF_BITS.items() for kind in kinds}
_DEEPEST = 64  # graphs inside graphs; protobuf itself ends at 100 messages in each other
_MOST_DIGITS, _MOST_DIMS = 20, 64
_VARINT, _BYTES, _FIXED = 0, 2, {1: 8, 5: 4}

# Which fields of a message hold messages that lead to tensors (onnx.proto3); a tensor itself leads nowhere.
_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _FUNCTION, _SPARSE, _TRAINING, _TENSOR = range(8)
_LEADS = {
    _MODEL: {7: _GRAPH, 20: _TRAINING, 25: _FUNCTION},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _TRAINING: {1: _GRAPH, 2: _GRAPH},
}
_DIMS, _KIND, _NAME, _EXTERNAL, _IS_EXTERNAL = 1, 2, 8, 13, 14

_Data = bytes | mmap.mmap
_Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One tensor: `kind` is ONNX's number for its type; `places` are the files it names, none when it is inside."""

    name: str
    kind: int
    bytes: int
    places: tuple[str, ...] = ()
    offset: int = 0
    length: int = 0


class _Malformed(ValueError):
    """Bytes that are no protobuf message."""


def read_weights(model: Path | bytes, name: str) -> list[Weights]:
    """Every tensor of a model; `name` names it in errors."""
    with _opened(model, name) as data:
        try:
            return list(_tensors(data, (0, len(data)), _MODEL, 0))
        except _Malformed as error:
            raise ModelError(
                f"{name}: expected an ONNX model, found that {error}; the file is damaged or is not a model: {_AGAIN}"
            ) from error


def check_places(model: Path | bytes, name: str, weights: list[Weights]) -> None:
    """ModelError unless every file that the weights are taken from lies beside the model and is long enough."""
    for item in weights:
        for place in item.places:
            if isinstance(model, bytes):
                raise ModelError(
                    f"{name}: expected a model that is whole, found weights in another file, {place!r}; "
                    "open it by its path"
                )
            _check_place(model.parent, name, item, place)


def _check_place(folder: Path, name: str, item: Weights, place: str) -> None:
    path = folder / place
    if not is_inside(place) or not path.resolve().is_relative_to(folder.resolve()):
        raise ModelError(
            f"{name}: expected the weights {item.name!r} in a file beside it, found {place!r}; "
            "do not use this model unless you know where it comes from"
        )
    if not path.is_file():
        raise ModelError(f"{name}: expected the weights {item.name!r} in {place}, found no such file; {_AGAIN}")
    end, size = item.offset + (item.length or item.bytes), path.stat().st_size
    if item.offset < 0 or end > size:
        raise ModelError(
            f"{name}: expected the weights {item.name!r} in {place} from byte {item.offset} to {end}, "
            f"found {size} bytes; {_AGAIN}"
        )


@contextmanager
def _opened(model: Path | bytes, name: str) -> Iterator[_Data]:
    if isinstance(model, bytes):
        yield model
        return
    if not model.is_file():
        raise ModelError(
            f"{name}: expected an ONNX model at {model}, found no such file; check the path or fetch the package again"
        )
    try:
        with model.open("rb") as file:
            is_empty = os.fstat(file.fileno()).st_size == 0  # of which nothing can be mapped
            data = b"" if is_empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise ModelError(f"{name}: expected an ONNX model at {model}, found: {error.strerror}") from error
    try:
        yield data
    finally:
        if isinstance(data, mmap.mmap):
            data.close()


def _tensors(data: _Data, span: _Span, message: int, depth: int) -> Iterator[Weights]:
    if message == _TENSOR:
        yield _tensor(data, span)
        return
    if depth > _DEEPEST:
        raise _Malformed(f"it has more than {_DEEPEST} messages in each other")
    for field, value in _fields(data, span):
        leads_to = _LEADS[message].get(field)
        if leads_to is not None and not isinstance(value, int):
            yield from _tensors(data, value, leads_to, depth + 1)


def _tensor(data: _Data, span: _Span) -> Weights:
    dims: list[int] = []
    name, kind, is_external = "", 0, False
    external: list[tuple[str, str]] = []
    for field, value in _fields(data, span):
        if isinstance(value, int):
            dims += [value] if field == _DIMS else []
            kind = value if field == _KIND else kind
            is_external = is_external or (field == _IS_EXTERNAL and value == 1)
        elif field == _DIMS:
            dims += _varints(data, value)
        elif field == _NAME:
            name = data[slice(*value)].decode(errors="replace")
        elif field == _EXTERNAL:
            external.append(_entry(data, value))
        if len(dims) > _MOST_DIMS:  # of which the product would take for ever
            raise _Malformed(f"it has a tensor of more than {_MOST_DIMS} dimensions")
    if not external and not is_external:
        return Weights(name=name, kind=kind, bytes=span[1] - span[0])
    return Weights(
        name=name,
        kind=kind,
        bytes=prod(dims) * _BITS.get(kind, 8) // 8,
        places=tuple(value for key, value in external if key == "location") or ("",),
        offset=_number(external, "offset"),
        length=_number(external, "length"),
    )


def _entry(data: _Data, span: _Span) -> tuple[str, str]:
    texts = {field: data[slice(*value)] for field, value in _fields(data, span) if not isinstance(value, int)}
    try:
        return texts.get(1, b"").decode(), texts.get(2, b"").decode()
    except UnicodeDecodeError as error:
        raise _Malformed("it names a file in something else than UTF-8") from error


def _number(external: list[tuple[str, str]], key: str) -> int:
    text = dict(external).get(key, "0")
    if not text.removeprefix("-").isdecimal() or len(text) > _MOST_DIGITS:
        raise _Malformed(f"{key} = {text[:_MOST_DIGITS]!r} is no number of bytes")
    return int(text)


def _fields(data: _Data, span: _Span) -> Iterator[tuple[int, int | _Span]]:
    """The fields of a message: numbers as they are, what has a length as where it lies, and no others."""
    at, end = span
    while at < end:
        tag, at = _varint(data, at, end)
        wire = tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at, end)
            yield tag >> 3, value
            continue
        size = _FIXED.get(wire)
        if wire == _BYTES:
            size, at = _varint(data, at, end)
        if size is None:
            raise _Malformed(f"it has a field of the unknown kind {wire}")
        if at + size > end:
            raise _Malformed("it ends too early")
        if wire == _BYTES:
            yield tag >> 3, (at, at + size)
        at += size


def _varints(data: _Data, span: _Span) -> list[int]:
    found: list[int] = []
    at, end = span
    while at < end and len(found) <= _MOST_DIMS:
        value, at = _varint(data, at, end)
        found.append(value)
    return found


def _varint(data: _Data, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise _Malformed("it ends too early")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _Malformed("it has a number of more than ten bytes")

"""The reference that a tone is matched to: its long-term spectrum, and the hash of what it was read from."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from rebounce.engine.errors import FileError, UsageError
from rebounce.engine.reading import reading_errors
from rebounce.engine.repair.tone_spectrum import ToneSpectrum, tone_of
from rebounce.engine.source import Source, open_source

LOUDEST_LUFS = 40.0
SHORTEST_SECONDS = 1.0
HASH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What was read of a reference; `stamp` tells whether the file is still the same."""

    path: Path
    stamp: tuple[int, int]
    content_hash: str
    tone: ToneSpectrum


def read_reference(path: Path, known: Reference | None = None) -> Reference:
    """The reference at a path, read unless `known` is of the same file; a UsageError where it can be none."""
    stamp = _stamp(path)
    if known is not None and (known.path, known.stamp) == (path, stamp):
        return known
    try:
        with open_source(path) as source:
            rate_hz = source.info.sample_rate_hz
            tone = tone_of((block.audio for block in source.blocks()), rate_hz)
            content_hash = _hash_of(source)
    except FileError as problem:
        raise UsageError(f"reference {problem}") from problem
    if tone is None or tone.seconds < SHORTEST_SECONDS:
        seconds = 0.0 if tone is None else tone.seconds
        raise UsageError(
            f"reference {path}: {seconds:.2f} s long, expected at least {SHORTEST_SECONDS:g} s of music; "
            "a whole song is best"
        )
    if tone.lufs is None:
        raise UsageError(f"reference {path}: nothing but silence, expected music whose tone can be matched")
    if tone.lufs > LOUDEST_LUFS:
        raise UsageError(
            f"reference {path}: {tone.lufs:.0f} LUFS, expected music; it lies far above full scale, so turn it down"
        )
    return Reference(path=path, stamp=stamp, content_hash=content_hash, tone=tone)


def _hash_of(source: Source) -> str:
    digest = hashlib.sha256()
    with source.reopened() as file, reading_errors(source.info.path):
        while part := file.read(HASH_BYTES):
            digest.update(part)
    return digest.hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError as problem:
        raise UsageError(
            f"reference {path}: cannot be read ({problem.strerror}), expected an audio file; check its path"
        ) from problem
    return status.st_size, status.st_mtime_ns

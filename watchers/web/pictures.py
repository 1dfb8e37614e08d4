"""Makes what the page shows of one bounce, in a process of its own: `python -m rebounce.watchers.web.pictures FOLDER`.

It reads one line of JSON from its standard input, the paths of the two sides, and writes pictures, and previews of
what a browser does not play as it should, into the folder. What there is to know of them goes to its standard output,
which no full disk is in the way of. It ends with its parent, when its input ends.
"""

import contextlib
import errno
import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rebounce.engine.audio import Audio
from rebounce.engine.byte_sizes import spell_bytes
from rebounce.engine.errors import RebounceError
from rebounce.engine.overview import HIGHEST_HZ, Overview
from rebounce.engine.pictures import frequency_ticks, spectrogram_picture, time_ticks, waveform_picture
from rebounce.engine.source import Source, open_source
from rebounce.watchers.web.preview import HIGHEST_HZ as HIGHEST_HEARD_HZ
from rebounce.watchers.web.preview import Preview, previews_of

NICENESS = 10
PICTURES_BYTES = 4_000_000
PLAYED_WAVE = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT")
PLAYED_STREAMS = {"FLAC": "audio/flac", "MP3": "audio/mpeg", "OGG": "audio/ogg"}
STREAM_STARTS = {"FLAC": (b"fLaC",), "MP3": (b"ID3", b"\xff"), "OGG": (b"OggS",)}
KEEPING_TIME = ("audio/wav", "audio/flac")
"""What a browser finds a place in to the sample. After a seek, what Chromium 156 plays of an OGG is 20 to 30 ms beside
its own clock, of an MP3 of constant rate up to 25 ms, of one of variable rate up to 280 ms; of WAV and FLAC nothing."""


def main(folder: Path) -> None:
    """Serve the one request."""
    request: dict[str, str | None] = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    try:
        about = look_at(folder, {side: Path(path) for side, path in request.items() if path is not None})
    except RebounceError as problem:
        about = {"problem": str(problem)}
    except OSError as problem:
        about = {"problem": problem.strerror or str(problem), "errno": problem.errno}
    print(json.dumps(about), flush=True)


def look_at(folder: Path, paths: dict[str, Path]) -> dict[str, Any]:
    """Make everything for the sides that are there; returns what the page must know of them."""
    with contextlib.ExitStack() as stack:
        sources = {side: stack.enter_context(open_source(path)) for side, path in paths.items()}
        media_types = played_as(sources)
        previews = previews_of({side: sources[side].info for side in sources if media_types[side] is None})
        _check_room(folder, previews)
        overviews = {side: _read(sources[side], folder / f"{side}.wav", previews.get(side)) for side in sources}
    top_hz = min(HIGHEST_HZ, max((overview.sample_rate_hz for overview in overviews.values()), default=0.0) / 2)
    for side, overview in overviews.items():
        (folder / f"{side}-wave.png").write_bytes(waveform_picture(overview))
        (folder / f"{side}-spectrum.png").write_bytes(spectrogram_picture(overview, top_hz))
    sides = {side: _told(overviews[side], media_types[side], previews.get(side)) for side in sources}
    return {"problem": None, "sides": sides, "frequencies": frequency_ticks(top_hz) if overviews else []}


def played_as(sources: dict[str, Source]) -> dict[str, str | None]:
    """The media type of every file that is played as it is; None where a preview is heard in its place."""
    types = {side: plays_itself(source) for side, source in sources.items()}
    if len(types) > 1:  # they must keep in step
        types = {side: kind if kind in KEEPING_TIME else None for side, kind in types.items()}
    # A preview has no higher rate than this; what is compared with it gets no higher one either.
    is_lowered = any(types[side] is None and sources[side].info.sample_rate_hz > HIGHEST_HEARD_HZ for side in sources)
    return dict.fromkeys(types) if is_lowered else types


def plays_itself(source: Source) -> str | None:
    """The media type of a file that browsers play as it is; None where they would not, or would play it wrongly."""
    info = source.info
    if info.messages:  # its header lies, and was mended when it was opened
        return None
    start = source.file
    start.seek(0)
    magic = start.read(4)
    if source.container is not None:
        return "audio/wav" if magic == b"RIFF" and info.subtype in PLAYED_WAVE else None
    is_plain = any(magic.startswith(known) for known in STREAM_STARTS.get(info.container, ()))
    return PLAYED_STREAMS.get(info.container) if is_plain else None


def _told(overview: Overview, media_type: str | None, preview: Preview | None) -> dict[str, Any]:
    return {
        "duration_s": overview.duration_s,
        "channels": overview.channels,
        "media_type": media_type,
        "plays_s": overview.duration_s if preview is None else min(preview.duration_s, overview.duration_s),
        "ticks": time_ticks(overview.duration_s),
    }


def _check_room(folder: Path, previews: dict[str, Preview]) -> None:
    """Refuse early what the disk cannot hold."""
    needed = PICTURES_BYTES + sum(preview.size for preview in previews.values())
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"{spell_bytes(needed)} are needed, {spell_bytes(free)} are free")


def _read(source: Source, place: Path, preview: Preview | None) -> Overview:
    """Read the file once, for the overview and for the preview."""
    info = source.info
    overview = Overview(frames=info.frames, channels=info.channels, sample_rate_hz=info.sample_rate_hz)
    if preview is None:
        for block in source.blocks():
            overview.add(block.audio)
    else:
        preview.write(place, _seen_by(overview, source))
    return overview


def _seen_by(overview: Overview, source: Source) -> Iterator[Audio]:
    for block in source.blocks():
        overview.add(block.audio)
        yield block.audio


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

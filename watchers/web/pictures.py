"""Makes what the page shows of one bounce, in a process of its own: `python -m rebounce.watchers.web.pictures FOLDER`.

It reads one line of JSON from its standard input, the paths of the two sides, and writes pictures, what a browser
cannot play by itself as WAV, and `about.json` into the folder. It ends with its parent, when that input ends.
"""

import contextlib
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from rebounce.engine.audio import Audio
from rebounce.engine.errors import RebounceError
from rebounce.engine.overview import HIGHEST_HZ, Overview
from rebounce.engine.pictures import frequency_ticks, spectrogram_picture, time_ticks, waveform_picture
from rebounce.engine.source import AudioInfo, Source, open_source

ABOUT = "about.json"
PREVIEW_S = 600.0
NICENESS = 10
FULL_SCALE_16 = 32_768
PLAYED_WAVE = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT")
PLAYED_STREAMS = {"FLAC": "audio/flac", "MP3": "audio/mpeg", "OGG": "audio/ogg"}
STREAM_STARTS = {"FLAC": (b"fLaC",), "MP3": (b"ID3", b"\xff"), "OGG": (b"OggS",)}


def main(folder: Path) -> None:
    """Serve the one request."""
    request: dict[str, str | None] = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    try:
        about = look_at(folder, {side: Path(path) for side, path in request.items() if path is not None})
    except (RebounceError, OSError) as problem:
        about = {"problem": str(problem)}
    (folder / ABOUT).write_text(json.dumps(about), encoding="ascii")


def look_at(folder: Path, paths: dict[str, Path]) -> dict[str, Any]:
    """Make everything for the sides that are there; returns what the page must know of them."""
    overviews: dict[str, Overview] = {}
    sides: dict[str, dict[str, Any]] = {}
    for side, path in paths.items():
        with open_source(path) as source:
            overviews[side] = overview = _empty_overview(source)
            media_type = plays_itself(source)
            sides[side] = {
                "duration_s": overview.duration_s,
                "channels": overview.channels,
                "media_type": media_type,
                "plays_s": overview.duration_s if media_type else min(PREVIEW_S, overview.duration_s),
                "ticks": time_ticks(overview.duration_s),
            }
            _read(source, overview, None if media_type else folder / f"{side}.wav")
    top_hz = min(HIGHEST_HZ, max((overview.sample_rate_hz for overview in overviews.values()), default=0.0) / 2)
    for side, overview in overviews.items():
        (folder / f"{side}-wave.png").write_bytes(waveform_picture(overview))
        (folder / f"{side}-spectrum.png").write_bytes(spectrogram_picture(overview, top_hz))
    return {"problem": None, "sides": sides, "frequencies": frequency_ticks(top_hz) if overviews else []}


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


def _empty_overview(source: Source) -> Overview:
    info: AudioInfo = source.info
    return Overview(frames=info.frames, channels=info.channels, sample_rate_hz=info.sample_rate_hz)


def _read(source: Source, overview: Overview, preview: Path | None) -> None:
    """Read the file once, for the overview and for the preview."""
    info = source.info
    with contextlib.ExitStack() as stack:
        writer = None
        if preview is not None:
            channels = min(info.channels, 2)
            writer = stack.enter_context(
                soundfile.SoundFile(preview, "w", info.sample_rate_hz, channels, "PCM_16", format="WAV")
            )
        noise = np.random.default_rng(0)
        left = round(PREVIEW_S * info.sample_rate_hz)
        for block in source.blocks():
            overview.add(block.audio)
            if writer is not None and left > 0:
                writer.write(_as_16_bits(block.audio[:2, :left], noise).T)
                left -= block.frames


def _as_16_bits(audio: Audio, noise: np.random.Generator) -> np.ndarray[Any, np.dtype[np.int16]]:
    """With triangular dither of 1 LSB; exact where the file holds no more than 16 bits."""
    scaled = audio.astype(np.float64) * FULL_SCALE_16
    if np.any(scaled != np.round(scaled)):
        scaled += noise.uniform(-0.5, 0.5, scaled.shape) + noise.uniform(-0.5, 0.5, scaled.shape)
    return np.clip(np.round(scaled), -FULL_SCALE_16, FULL_SCALE_16 - 1).astype(np.int16)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

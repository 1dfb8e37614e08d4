"""A real room: an impulse response that a user recorded, without its direct sound.

What always holds: the file applied is the file drawn, down to the byte. Its direct sound is its loudest sample, in
whatever channel, and everything before it and within `DIRECT_MS` after it; that is left out, as the mix has its own.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from rebounce.engine.audio import Audio, joined
from rebounce.engine.errors import RecipeError, UnreadableFile
from rebounce.engine.resampling import resample_blocks
from rebounce.engine.source import open_source
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.ranges import Pick
from rebounce.training.faults.reverb_level import HIGHEST_HZ, LOWEST_HZ, tail_energy

DIRECT_MS = 2.5
FADE_MS = 1.0
LONGEST_S = 30
# Where less than this of its energy is heard under music, levelling it would only turn up what is left of a filter.
LEAST_SHARE = 1e-6


def draw_recording(pick: Pick) -> Parameters:
    """One of the WAV files of the folder, by its place in the order of their names, and its SHA-256."""
    given = pick("folder")
    folder = Path(given).expanduser()
    if not given or not folder.is_dir():
        raise RecipeError(
            f'reverb: expected folder = a folder of impulse responses for the kind "recorded", found {given!r}; '
            "check the path, or leave that kind out of the recipe"
        )
    files = sorted(path.name for path in folder.iterdir() if path.suffix.lower() == ".wav" and path.is_file())
    if not files:
        raise RecipeError(f"{folder}: expected impulse responses as WAV files, found none; check the folder")
    name = files[int(pick.rng.random() * len(files))]
    return {"folder": str(folder), "file": name, "sha256": _sha256(folder / name)}


def recorded_tail(sample_rate_hz: int, channels: int, parameters: Parameters) -> Audio:
    """What follows the direct sound; where there are more channels than in the file, those are used over again,
    and so they are in place of silent ones."""
    path = Path(parameters["folder"]) / parameters["file"]
    tail = _tail(path, parameters["sha256"], sample_rate_hz)
    return tail[np.arange(channels) % len(tail)]


@lru_cache(maxsize=8)
def _tail(path: Path, sha256: str, sample_rate_hz: int) -> Audio:
    if _sha256(path) != sha256:
        raise UnreadableFile(
            f"{path}: expected the impulse response that was drawn (SHA-256 {sha256[:12]}...), found another; "
            "put the file back, or draw anew"
        )
    tail = _after_direct(_read(path, sample_rate_hz), sample_rate_hz)
    heard = [channel for channel in tail[:, np.newaxis] if _is_heard(channel, sample_rate_hz)]
    if not heard:
        raise UnreadableFile(
            f"{path}: expected an impulse response with a tail, found none after the direct sound between "
            f"{LOWEST_HZ:g} and {HIGHEST_HZ:g} Hz; take the file out of the folder, or record it longer"
        )
    return np.concatenate(heard)


def _is_heard(channel: Audio, sample_rate_hz: int) -> bool:
    """False for a silent channel, of which there is nothing to level."""
    energy = float(np.sum(np.square(channel, dtype=np.float64)))
    return tail_energy(channel, sample_rate_hz) > LEAST_SHARE * energy


def _read(path: Path, sample_rate_hz: int) -> Audio:
    with open_source(path) as source:
        info = source.info
        blocks = resample_blocks(
            (block.audio for block in source.blocks()), info.sample_rate_hz, sample_rate_hz, info.frames
        )
        return joined(list(blocks), info.channels)[:, : LONGEST_S * sample_rate_hz]


def _after_direct(response: Audio, sample_rate_hz: int) -> Audio:
    """From the loudest sample on, silent at first and then faded in."""
    loudest = int(np.argmax(np.abs(response).max(axis=0))) if response.size else 0
    tail = response[:, loudest:].copy()
    silent, fade = (round(ms / 1000 * sample_rate_hz) for ms in (DIRECT_MS, FADE_MS))
    tail[:, :silent] = 0
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)
    rising = tail[:, silent : silent + fade]
    rising *= rise[: rising.shape[1]].astype(np.float32)
    return tail


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnreadableFile(f"{path}: expected the impulse response that was drawn, found none ({reason})") from error

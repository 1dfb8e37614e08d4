"""A tired transfer: a mix becomes one that the five-stage chain can repair, for its figures and golden numbers.

In the order in which it happens to real files: a take with rumble, a boomy room and a level that wanders; too low a
level; the hiss and hum of the transfer; then an old codec that keeps nothing above its cut-off. What always holds:
the same length, nothing late (the codec's filter has linear phase, its delay is taken out), nothing clipped.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from rebounce.engine.audio import Audio

CUTOFF_HZ = 15_500.0
CUTOFF_WIDTH_HZ = 500.0
CUTOFF_DEPTH_DB = 90.0
HISS_DBFS = -52.0
HUM_HZ = 50.0
# Levels of the hum and its harmonics in dBFS.
HUM_DBFS = {1: -60.0, 2: -66.0, 3: -63.0, 5: -70.0}
RUMBLE_DBFS = -44.0
RUMBLE_BAND_HZ = (6.0, 14.0)
BOOM_HZ = 115.0
BOOM_DB = 6.0
BOOM_Q = 1.1
RIDE_DB = 3.0
RIDE_S = 3.2
LOUDEST_PEAK_DBFS = -9.0


def damage(audio: Audio, sample_rate_hz: int, seed: int = 0) -> Audio:
    """The audio `(channels, frames)` after all of it; only the arguments decide what comes out."""
    rng = np.random.default_rng(seed)
    frames = audio.shape[1]
    if frames == 0:
        return audio.astype(np.float32)
    taken = _boomy(audio.astype(np.float64), sample_rate_hz) * _wandering_gain(frames, sample_rate_hz, rng)
    peak = float(np.abs(taken).max())
    lowered = taken * (10 ** (LOUDEST_PEAK_DBFS / 20) / peak if peak > 0 else 1.0)
    noisy = lowered + _rumble(audio.shape, sample_rate_hz, rng) + _hum(frames, sample_rate_hz, rng)
    noisy += 10 ** (HISS_DBFS / 20) * rng.normal(0.0, 1.0, audio.shape)
    return _band_limited(noisy, sample_rate_hz).astype(np.float32)


def _boomy(audio: NDArray[np.float64], sample_rate_hz: int) -> NDArray[np.float64]:
    """A resonance of the room: `BOOM_DB` more at `BOOM_HZ` (a peak filter after the audio EQ cookbook)."""
    amplitude = 10 ** (BOOM_DB / 40)
    turn = 2 * np.pi * BOOM_HZ / sample_rate_hz
    width = np.sin(turn) / (2 * BOOM_Q)
    rising = [1 + width * amplitude, -2 * np.cos(turn), 1 - width * amplitude]
    falling = [1 + width / amplitude, -2 * np.cos(turn), 1 - width / amplitude]
    return np.asarray(signal.lfilter(rising, falling, audio, axis=1))


def _wandering_gain(frames: int, sample_rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A gain that wanders up and down by `RIDE_DB`, with a turn about every `RIDE_S`."""
    turns = int(frames / sample_rate_hz / RIDE_S) + 2
    levels_db = RIDE_DB * np.where(np.arange(turns) % 2 == 0, 1, -1) * rng.uniform(0.5, 1.0, turns)
    place = np.arange(frames) / sample_rate_hz / RIDE_S
    before = np.minimum(place.astype(np.int64), turns - 2)
    share = 0.5 - 0.5 * np.cos(np.pi * (place - before))
    return np.asarray(10 ** ((levels_db[before] + share * (levels_db[before + 1] - levels_db[before])) / 20))


def _rumble(shape: tuple[int, ...], sample_rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """What a turntable or a footstep leaves below hearing, `RUMBLE_DBFS` in root mean square."""
    sections = signal.butter(2, RUMBLE_BAND_HZ, "bandpass", fs=sample_rate_hz, output="sos")
    low = signal.sosfilt(sections, rng.normal(0.0, 1.0, shape), axis=1)
    level = float(np.sqrt(np.mean(low**2)))
    return np.asarray(low * (10 ** (RUMBLE_DBFS / 20) / level if level > 0 else 0.0))


def _hum(frames: int, sample_rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Mains hum with its harmonics, the same in every channel."""
    time_s = np.arange(frames) / sample_rate_hz
    hum = np.zeros(frames)
    for harmonic, level_dbfs in HUM_DBFS.items():
        amplitude = 10 ** (level_dbfs / 20)
        hum += amplitude * np.sin(2 * np.pi * (HUM_HZ * harmonic * time_s + rng.uniform()))
    return hum


def _band_limited(audio: NDArray[np.float64], sample_rate_hz: int) -> NDArray[np.float64]:
    """Nothing above the cut-off, everything below, and no delay; rates that end below it are left alone."""
    if sample_rate_hz / 2 <= CUTOFF_HZ + CUTOFF_WIDTH_HZ:
        return audio
    taps, beta = signal.kaiserord(CUTOFF_DEPTH_DB, CUTOFF_WIDTH_HZ / (sample_rate_hz / 2))
    lowpass = signal.firwin(taps | 1, CUTOFF_HZ, window=("kaiser", beta), fs=sample_rate_hz)
    whole = signal.oaconvolve(audio, lowpass[np.newaxis, :], mode="full", axes=1)
    late = len(lowpass) // 2
    return np.asarray(whole[:, late : late + audio.shape[1]])

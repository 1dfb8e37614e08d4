"""There and back through a real MP3 encoder, LAME, in memory.

What always holds: as many frames come back as went in, none of them late, from one or two channels. No sample that
goes in is beyond full scale: libsndfile's LAME ends the whole process over samples a million times that (measured), and
pedalboard's clips. The constant bit-rates are libsndfile's, which has all of them and takes floats; pedalboard's writer
is three times as quick, but it rounds to 16 bits, clips, and knows none below 32 kbps.
"""

import io
import math

import numpy as np
import soundfile

from rebounce.engine.audio import Audio
from rebounce.engine.deferred_signals import signals_wait
from rebounce.engine.mp3_frames import BIT_RATES, RATE_SHIFTS, RATES_HZ

# MPEG-1, 2 and 2.5: LAME has no more than 64 kbps for the last, whatever the format's table says.
CODED_RATES_HZ = tuple(sorted(rate_hz >> shift for rate_hz in RATES_HZ for shift in RATE_SHIFTS.values()))
LOWEST_MPEG_1_HZ, LOWEST_MPEG_2_HZ = 32_000, 16_000
MOST_KBPS_MPEG_2_5 = 64

# What LAME (576) and a decoder (529) are late by. It is in a tag that libsndfile heeds, unless the frame at a low
# bit-rate is too short for the tag: then the music comes late, with frames after it.
CODER_DELAY_FRAMES = 1105

# LAME makes everything this much softer at constant bit-rates (measured at all of them, to 1e-4). It is made up for: a
# wrong level is a fault of its own.
LAME_GAIN = 0.95
LAME_GAINS = {192: 0.97, 224: 0.98, 256: 1.0, 320: 1.0}

# How much goes to the encoder at once: it is not to be interrupted inside, so this must be short.
PIECE_FRAMES = 48_000

# What pedalboard works in: its result may depend on it.
VBR_BUFFER_FRAMES = 1152
# pedalboard holds frames back; silence after the music brings them out, and keeps it from taking time for channels.
VBR_TAIL_FRAMES = 8 * VBR_BUFFER_FRAMES


def bit_rates_kbps(coded_rate_hz: int) -> tuple[int, ...]:
    """The constant bit-rates that there are at a rate of MP3, from the lowest."""
    known = BIT_RATES[coded_rate_hz >= LOWEST_MPEG_1_HZ][1:]
    return tuple(kbps for kbps in known if coded_rate_hz >= LOWEST_MPEG_2_HZ or kbps <= MOST_KBPS_MPEG_2_5)


def coded_cbr(audio: Audio, rate_hz: int, bitrate_kbps: int) -> Audio:
    """The audio `(1 or 2, frames)` at a constant bit-rate, and decoded again."""
    within, halvings = _within_full_scale(audio)
    frames = audio.shape[1]
    decoded = _decoded(encoded(within, rate_hz, bitrate_kbps))
    late = 0 if decoded.shape[1] == frames else CODER_DELAY_FRAMES
    made_up = decoded[:, late : late + frames] / np.float32(LAME_GAINS.get(bitrate_kbps, LAME_GAIN))
    return _doubled(made_up, halvings)


def coded_vbr(audio: Audio, rate_hz: int, quality: float) -> Audio:
    """The audio `(1 or 2, frames)` through pedalboard's MP3Compressor, which is LAME at a variable bit-rate."""
    from pedalboard import MP3Compressor

    within, halvings = _within_full_scale(audio)
    whole = np.pad(within, ((0, 0), (0, VBR_TAIL_FRAMES)))
    made: Audio = MP3Compressor(quality)(whole, rate_hz, buffer_size=VBR_BUFFER_FRAMES, reset=True)
    return _doubled(made[:, : audio.shape[1]], halvings)


def encoded(audio: Audio, rate_hz: int, bitrate_kbps: int) -> bytes:
    """The audio `(1 or 2, frames)` as an MP3 file of that bit-rate."""
    known = bit_rates_kbps(rate_hz)
    # libsndfile's scale runs from 0, the most, to 1, the least, which it refuses.
    level = min((known[-1] - bitrate_kbps) / (known[-1] - known[0]), 0.999)
    file = io.BytesIO()
    with signals_wait():
        sound = soundfile.SoundFile(
            file,
            "w",
            samplerate=rate_hz,
            channels=len(audio),
            format="MP3",
            compression_level=level,
            bitrate_mode="CONSTANT",
        )
    try:
        for start in range(0, audio.shape[1], PIECE_FRAMES):
            with signals_wait():
                sound.write(audio[:, start : start + PIECE_FRAMES].T)
    finally:
        with signals_wait():
            sound.close()
    return file.getvalue()


def _decoded(data: bytes) -> Audio:
    # In one go: soundfile seeks after each piece, and the decoder then complains on standard error about what it lacks.
    with signals_wait():
        samples, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    decoded: Audio = samples.T
    return decoded


def _within_full_scale(audio: Audio) -> tuple[Audio, int]:
    """The audio, halved as often as it takes to lie within full scale, and how often that was."""
    _, halvings = math.frexp(float(np.abs(audio).max()))
    return (np.ldexp(audio, -halvings), halvings) if halvings > 0 else (audio, 0)


def _doubled(audio: Audio, times: int) -> Audio:
    """As loud as it was before; no louder than float32 can hold."""
    if times == 0:
        return audio
    largest = np.finfo(np.float32).max
    with np.errstate(over="ignore"):
        return np.clip(np.ldexp(audio, times), -largest, largest)

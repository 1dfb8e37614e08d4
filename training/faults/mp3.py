"""The mix as an MP3 file, and decoded again: what is left of most music that comes back to a studio."""

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from rebounce.engine.audio import Audio, check_numbers, joined
from rebounce.engine.resampling import Resampler
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.mp3_coding import CODED_RATES_HZ, bit_rates_kbps, coded_cbr, coded_vbr
from rebounce.training.faults.ranges import Choice, Pick, Range, Span

CBR, VBR = "cbr", "vbr"
AUTO = "auto"
BITRATES_KBPS = tuple(sorted({kbps for rate_hz in CODED_RATES_HZ for kbps in bit_rates_kbps(rate_hz)}))


class Mp3:
    """At a constant bit-rate (`cbr`), or a variable one of `vbr_quality` from 0, the best, to 9.9.

    Not every rate can be coded, and not every one at every bit-rate. `coded_rate_hz` "auto" is the rate of the audio
    where that is possible, else the nearest that is a multiple or a part of it (96 kHz is coded at 48 kHz, and 44.1 kHz
    with less than 32 kbps at 22.05 kHz), else the nearest of all. A rate that is asked for is kept, and a bit-rate that
    it does not have becomes the nearest that it has; the parameters say that one. More than two channels go in pairs.
    """

    name = "mp3"
    about = "through an MP3 encoder and back"
    ranges: ClassVar[Mapping[str, Range]] = {
        "mode": Choice(options=(CBR, VBR), drawn=(CBR,)),
        "bitrate_kbps": Choice(options=BITRATES_KBPS, drawn=(64, 80, 96, 112, 128, 160, 192, 224, 256)),
        "vbr_quality": Span(lowest=0, highest=9.9, drawn=(0, 9)),
        "coded_rate_hz": Choice(options=(AUTO, *CODED_RATES_HZ), drawn=(AUTO,)),
    }

    def draw(self, pick: Pick) -> Parameters:
        mode, coded_rate_hz = pick("mode"), pick("coded_rate_hz")
        drawn = {"mode": mode, "coded_rate_hz": coded_rate_hz}
        if mode == VBR:
            return drawn | {"vbr_quality": pick("vbr_quality")}
        bitrate_kbps = pick("bitrate_kbps")
        if coded_rate_hz != AUTO:
            bitrate_kbps = min(bit_rates_kbps(coded_rate_hz), key=lambda kbps: abs(kbps - bitrate_kbps))
        return drawn | {"bitrate_kbps": bitrate_kbps}

    def apply(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
        # LAME ends the process over what is no number.
        check_numbers(audio)
        coded_rate_hz = parameters["coded_rate_hz"]
        if coded_rate_hz == AUTO:
            coded_rate_hz = nearest_coded_rate_hz(sample_rate_hz, parameters.get("bitrate_kbps"))
        # A little silence after the end, so that enough is left after both conversions, each of which rounds.
        spare = 0 if coded_rate_hz == sample_rate_hz else math.ceil(sample_rate_hz / coded_rate_hz) + 1
        coded = _resampled(np.pad(audio, ((0, 0), (0, spare))), sample_rate_hz, coded_rate_hz)
        pairs = [_coded(coded[first : first + 2], coded_rate_hz, parameters) for first in range(0, len(coded), 2)]
        return _resampled(np.concatenate(pairs), coded_rate_hz, sample_rate_hz)[:, : audio.shape[1]]


def nearest_coded_rate_hz(sample_rate_hz: int, bitrate_kbps: int | None) -> int:
    """The rate of MP3 for audio of a rate at a bit-rate (None: any); see `Mp3`."""
    rates_hz = [rate for rate in CODED_RATES_HZ if bitrate_kbps is None or bitrate_kbps in bit_rates_kbps(rate)]

    def distance(rate_hz: int) -> tuple[bool, float]:
        is_kin = max(rate_hz, sample_rate_hz) % min(rate_hz, sample_rate_hz) == 0
        return not is_kin, abs(rate_hz - sample_rate_hz)

    return min(rates_hz, key=distance)


def _coded(audio: Audio, coded_rate_hz: int, parameters: Parameters) -> Audio:
    """One or two channels, coded and decoded."""
    if parameters["mode"] == VBR:
        return coded_vbr(audio, coded_rate_hz, parameters["vbr_quality"])
    return coded_cbr(audio, coded_rate_hz, parameters["bitrate_kbps"])


def _resampled(audio: Audio, from_hz: int, to_hz: int) -> Audio:
    if from_hz == to_hz:
        return audio
    resampler = Resampler(from_hz, to_hz, audio.shape[0])
    return joined([resampler.push(audio), resampler.finish()], audio.shape[0])

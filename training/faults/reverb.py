"""Too much room: a tail under the mix, whose direct sound stays as it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.faults.convolution import convolved
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.ranges import Choice, Pick, Range, Span, Text
from rebounce.training.faults.reverb_level import tail_energy
from rebounce.training.faults.reverb_noise import decay_tail, draw_decay, draw_synthetic, synthetic_tail
from rebounce.training.faults.reverb_plate import draw_plate, plate_energy, plate_wet
from rebounce.training.faults.reverb_recording import draw_recording, recorded_tail
from rebounce.training.faults.reverb_room import draw_room, room_tail

Tail = Callable[[int, int, Parameters], Audio]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is drawn for a kind of reverb, and its tail `(channels, frames)` for a rate and a number of channels.

    A tail begins where the sound itself arrives, at any level; without one it is the plate, which is no convolution.
    """

    draw: Callable[[Pick], Parameters]
    tail: Tail | None


KINDS = {
    "synthetic": Kind(draw=draw_synthetic, tail=synthetic_tail),
    "room": Kind(draw=draw_room, tail=room_tail),
    "plate": Kind(draw=draw_plate, tail=None),
    "recorded": Kind(draw=draw_recording, tail=recorded_tail),
    "decay": Kind(draw=draw_decay, tail=decay_tail),
}


class Reverb:
    """`drr_db` is how much louder the direct sound is than the tail, both measured on pink noise from 50 Hz to 3.5 kHz
    that is the same in every channel, in energy and on average over the channels (`reverb_level.py`).

    Kinds: `synthetic` (noise, `rt60_s`), `room` (a simulated one, `rt60_s` and `absorption`; needs pyroomacoustics),
    `plate` (pedalboard's Reverb, fed with the sum of each pair of channels), `recorded` (an impulse response out of
    `folder`, without its direct sound), `decay` (noise that falls to 1/e in `decay_s` and is cut off at `length_ms`).
    """

    name = "reverb"
    about = "too much room around the mix"
    ranges: ClassVar[Mapping[str, Range]] = {
        "kind": Choice(options=tuple(KINDS), drawn=("synthetic", "plate")),
        "drr_db": Span(lowest=-40, highest=60, drawn=(-6, 12)),
        "predelay_ms": Span(lowest=0, highest=500, drawn=(0, 30)),
        "rt60_s": Span(lowest=0.05, highest=10, drawn=(0.25, 2.5), is_log=True),
        "decay_s": Span(lowest=0.005, highest=10, drawn=(0.2, 1)),
        "length_ms": Span(lowest=5, highest=10_000, drawn=(50, 400)),
        "absorption": Span(lowest=0.15, highest=0.9, drawn=(0.2, 0.4)),
        "room_size": Span(lowest=0, highest=1, drawn=(0, 0.8)),
        "damping": Span(lowest=0, highest=1, drawn=(0.1, 0.9)),
        "width": Span(lowest=0, highest=1, drawn=(0.5, 1)),
        "folder": Text(),
    }

    def draw(self, pick: Pick) -> Parameters:
        kind = pick("kind")
        drawn = {"kind": kind, "drr_db": pick("drr_db"), "predelay_ms": pick("predelay_ms")}
        return drawn | KINDS[kind].draw(pick)

    def apply(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
        frames = audio.shape[1]
        # Not even without a pre-delay does the tail touch the direct sound.
        late = min(max(1, round(parameters["predelay_ms"] / 1000 * sample_rate_hz)), frames)
        damaged = audio.copy()
        if late < frames:
            damaged[:, late:] += _wet(audio[:, : frames - late], sample_rate_hz, parameters)
        return damaged


def _wet(audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
    """What the tail makes of the audio, at the level asked for."""
    tail_of = KINDS[parameters["kind"]].tail
    wanted = 10 ** (-parameters["drr_db"] / 10)
    if tail_of is None:
        energy = plate_energy(sample_rate_hz, audio.shape[0], parameters)
        return plate_wet(audio, sample_rate_hz, parameters) * np.float32(np.sqrt(wanted / energy))
    tail = tail_of(sample_rate_hz, audio.shape[0], parameters)
    return convolved(audio, tail * np.float32(np.sqrt(wanted / tail_energy(tail, sample_rate_hz))))

"""What a style of music is, as data: adding a style is adding one `Style`, no code.

Patterns are strings of sixteenths, one bar of sixteen characters, read from left to right:

    drums    `X` accent, `x` normal, `o` ghost, `.` nothing
    bass     `R` root, `3`, `5`, `7` chord tone, `8` octave, `a` step into the next root, `-` hold, `.` rest
    comping  `C` the whole chord, `P` its root, fifth and octave, `0`-`7` one tone of it from the bottom up, `-` hold,
             `.` rest
    motif    `x` a note begins, `-` hold, `.` rest
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

STEPS_PER_BAR = 16

MODES: Mapping[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A synthesiser sound: a periodic wave, its moving low-pass filter, and its envelope.

    `spectrum` is the name of a wave or the amplitudes of its harmonics; `voices` are (cents, pan -1..1) of the
    oscillators that sound together for each note; `strum_s` is how much later each higher string of a chord sounds.
    """

    spectrum: str | tuple[float, ...]
    cutoff_hz: float
    resonance: float = 0.7
    sweep_octaves: float = 0.0
    sweep_decay_s: float = 0.3
    attack_s: float = 0.005
    decay_s: float = 0.3
    sustain: float = 0.7
    release_s: float = 0.1
    voices: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    vibrato_cents: float = 0.0
    vibrato_hz: float = 5.2
    glide_s: float = 0.0
    strum_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Amp:
    """A guitar amplifier: how hard it is driven, and what its loudspeaker lets through."""

    drive_db: float
    speaker_hz: float = 4_800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One strip of the desk: a high-pass, an amplifier, a tone, a compressor, sends, how far the kick ducks it."""

    highpass_hz: float
    amp: Amp | None = None
    chorus: float = 0.0
    presence_db: float = 0.0
    threshold_db: float = 0.0
    ratio: float = 1.0
    reverb_db: float | None = None
    echo_db: float | None = None
    duck_db: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BusRanges:
    """Between what the seed draws the mix bus of a piece; what each means stands in `bus.Bus`."""

    glue_ratio: tuple[float, float] = (1.2, 2.4)
    tilt_db: tuple[float, float] = (-4.5, 4.0)
    body_db: tuple[float, float] = (-2.5, 2.5)
    side_db: tuple[float, float] = (-5.0, 7.0)
    drive_db: tuple[float, float] = (-11.0, 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """A drum kit: pitches, lengths, and what each drum weighs."""

    kick_hz: float = 48.0
    kick_decay_s: float = 0.16
    kick_click: float = 0.25
    snare_hz: float = 185.0
    snare_decay_s: float = 0.12
    hat_decay_s: float = 0.045
    levels_db: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Singer:
    """A voice: where it sings, how large the head is, how it trembles."""

    centre_pitch: float = 64.0
    formant_scale: float = 1.08
    vibrato_cents: float = 28.0
    vibrato_hz: float = 5.4
    breath_db: float = -32.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One kind of section: which parts play in it and how loud, with what patterns, how bright, how long.

    `weight` is its share of the bars; the brightness of the synthesisers moves through the section from the first to
    the second value; `stop_beats` is how long everything is silent at its end.
    """

    weight: float
    levels_db: Mapping[str, float]
    groove: str = ""
    bass: str = ""
    comping: str = ""
    brightness_octaves: tuple[float, float] = (0.0, 0.0)
    stop_beats: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Which scenes come in what order; the cycle comes round again in a long piece."""

    cycle: tuple[str, ...]
    opening: tuple[str, ...] = ()
    closing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Everything that makes one style; see the module for how patterns are written.

    `channels` are the strips that differ from the desk's own; `programs` are General MIDI programs, 0-127, by part.
    """

    name: str
    bpm: tuple[float, float]
    swing: tuple[float, float]
    swing_steps: int
    modes: tuple[str, ...]
    progressions: tuple[tuple[int, ...], ...]
    chord_tones: int
    forms: tuple[Form, ...]
    scenes: Mapping[str, Scene]
    grooves: Mapping[str, Mapping[str, str]]
    bass_lines: Mapping[str, str]
    compings: Mapping[str, str]
    motifs: tuple[str, ...]
    patches: Mapping[str, Patch]
    kit: Kit
    singer: Singer
    balance_db: Mapping[str, float]
    programs: Mapping[str, int]
    channels: Mapping[str, Channel] = field(default_factory=dict)
    bus: BusRanges = field(default_factory=BusRanges)
    reverb_room: float = 0.6
    has_fills: bool = True

"""Ambient: wide pads in a large room, slow bells with long echoes, a hummed line, hardly a drum."""

from rebounce.training.music.style import BusRanges, Channel, Form, Kit, Patch, Scene, Singer, Style

GLASS = (1.0, 0.12, 0.3, 0.02, 0.1, 0.0, 0.05)

AMBIENT = Style(
    name="ambient",
    bpm=(58.0, 80.0),
    swing=(0.0, 0.05),
    swing_steps=1,
    modes=("lydian", "dorian", "major", "minor"),
    progressions=((0, 3, 5, 3), (0, 4, 3, 0), (5, 3, 0, 4), (0, 2, 3, 5)),
    chord_tones=4,
    forms=(
        Form(opening=("intro",), cycle=("verse", "chorus", "break")),
        Form(cycle=("verse", "break", "chorus")),
        Form(opening=("chorus",), cycle=("break", "verse", "chorus")),
    ),
    scenes={
        "intro": Scene(weight=1.0, levels_db={"pad": -1.0, "lead": -2.0}, brightness_octaves=(-1.8, -0.5)),
        "verse": Scene(
            weight=1.6,
            levels_db={"drums": -2.0, "bass": -2.0, "keys": -1.0, "pad": -2.0, "voice": -3.0},
            groove="far",
            bass="drone",
            comping="drops",
            brightness_octaves=(-0.6, 0.2),
        ),
        "chorus": Scene(
            weight=1.8,
            levels_db={"drums": 0.0, "bass": 0.0, "keys": 0.0, "pad": 0.0, "lead": -1.0, "voice": 0.0, "choir": 0.0},
            groove="pulse",
            bass="drone",
            comping="ripple",
            brightness_octaves=(0.0, 0.9),
        ),
        "break": Scene(
            weight=1.0,
            levels_db={"pad": -3.5, "keys": -4.5, "lead": -3.0},
            comping="drops",
            brightness_octaves=(-1.2, -0.6),
            stop_beats=0.5,
        ),
    },
    grooves={
        "far": {"kick": "x...............", "shaker": "....o.......o..."},
        "pulse": {
            "kick": "x.........o.....",
            "low_tom": "......o.......o.",
            "shaker": "..o.x.o...o.x.o.",
            "ride": "....o.......o...",
        },
    },
    bass_lines={"drone": "R--------------a"},
    compings={"drops": "0-----2---3-----", "ripple": "0-2-4-3-5-4-2-3-"},
    motifs=("x-------x-------", "....x---x-----x-", "x-----x-x-------", "..x-----x---x---"),
    patches={
        "bass": Patch(
            spectrum="triangle", cutoff_hz=260.0, attack_s=0.08, decay_s=1.5, sustain=0.85, release_s=0.4, glide_s=0.08
        ),
        "keys": Patch(
            spectrum=GLASS,
            cutoff_hz=2_600.0,
            attack_s=0.004,
            decay_s=1.2,
            sustain=0.1,
            release_s=0.9,
            voices=((-3.0, -0.9), (4.0, 0.9)),
        ),
        "pad": Patch(
            spectrum="saw",
            cutoff_hz=900.0,
            resonance=0.9,
            attack_s=0.7,
            decay_s=2.0,
            sustain=0.9,
            release_s=1.0,
            voices=((-14.0, -1.0), (-4.0, 0.5), (5.0, -0.5), (13.0, 1.0)),
        ),
        "lead": Patch(
            spectrum="triangle",
            cutoff_hz=2_000.0,
            attack_s=0.12,
            decay_s=0.8,
            sustain=0.8,
            release_s=0.5,
            voices=((-5.0, -0.7), (5.0, 0.7)),
            vibrato_cents=10.0,
            glide_s=0.1,
        ),
    },
    kit=Kit(
        kick_hz=42.0,
        kick_decay_s=0.22,
        kick_click=0.05,
        levels_db={"shaker": -8.0, "low_tom": -5.0, "ride": -10.0, "crash": -16.0},
    ),
    singer=Singer(centre_pitch=63.0, vibrato_cents=18.0, breath_db=-28.0),
    balance_db={
        "drums": -19.0,
        "bass": -19.0,
        "keys": -18.0,
        "pad": -16.5,
        "lead": -20.0,
        "voice": -20.0,
        "choir": -22.0,
    },
    channels={
        "drums": Channel(highpass_hz=28.0, reverb_db=-7.0),
        "bass": Channel(highpass_hz=28.0, reverb_db=-22.0),
        "keys": Channel(highpass_hz=140.0, reverb_db=-6.0, echo_db=-7.0),
        "pad": Channel(highpass_hz=90.0, chorus=0.5, reverb_db=-6.0),
        "lead": Channel(highpass_hz=180.0, reverb_db=-7.0, echo_db=-9.0),
        "voice": Channel(
            highpass_hz=120.0, presence_db=2.0, threshold_db=-22.0, ratio=3.0, reverb_db=-5.0, echo_db=-14.0
        ),
    },
    bus=BusRanges(glue_ratio=(1.1, 1.8), side_db=(-7.0, 3.0)),
    programs={"bass": 39, "keys": 11, "pad": 88, "lead": 95, "voice": 53, "choir": 91},
    reverb_room=0.88,
    has_fills=False,
)

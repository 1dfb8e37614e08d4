"""Hip-hop: a long low bass, a lazy kick, busy hats, a worn electric piano and a bell."""

from rebounce.training.music.style import BusRanges, Channel, Form, Kit, Patch, Scene, Singer, Style

WORN_TINE = (1.0, 0.42, 0.12, 0.14, 0.04, 0.03, 0.01)
BELL = (1.0, 0.0, 0.35, 0.0, 0.0, 0.3, 0.0, 0.0, 0.0, 0.12, 0.0, 0.0, 0.0, 0.06)

HIPHOP = Style(
    name="hiphop",
    bpm=(78.0, 96.0),
    swing=(0.06, 0.26),
    swing_steps=1,
    modes=("minor", "dorian"),
    progressions=((0, 5, 3, 4), (0, 3, 0, 5), (5, 4, 0, 0), (0, 2, 5, 4), (3, 4, 0, 0)),
    chord_tones=4,
    forms=(
        Form(opening=("intro",), cycle=("verse", "chorus", "break"), closing=("chorus",)),
        Form(opening=("chorus",), cycle=("verse", "break", "chorus")),
        Form(cycle=("chorus", "break", "verse"), closing=("chorus",)),
    ),
    scenes={
        "intro": Scene(
            weight=1.0, levels_db={"keys": -2.0, "lead": -4.0}, comping="lazy", brightness_octaves=(-1.8, -0.6)
        ),
        "verse": Scene(
            weight=2.4,
            levels_db={"drums": -0.5, "bass": -0.5, "keys": -2.0, "voice": -1.0},
            groove="lazy",
            bass="long",
            comping="lazy",
            brightness_octaves=(-0.6, -0.3),
        ),
        "chorus": Scene(
            weight=2.2,
            levels_db={"drums": 0.0, "bass": 0.0, "keys": -0.5, "pad": 0.0, "voice": 0.0, "choir": -1.0, "lead": -1.0},
            groove="busy",
            bass="moving",
            comping="push",
            brightness_octaves=(0.0, 0.3),
        ),
        "break": Scene(
            weight=1.0,
            levels_db={"keys": -5.0, "pad": -7.0, "lead": -6.0},
            comping="held",
            brightness_octaves=(-1.4, -0.8),
            stop_beats=1.0,
        ),
    },
    grooves={
        "lazy": {"kick": "X.....x..xX.....", "snare": "....X.......X...", "closed_hat": "x.x.x.xox.x.x.x."},
        "busy": {
            "kick": "X..x..x..xX...x.",
            "snare": "....X..o....X...",
            "clap": "....x.......x...",
            "closed_hat": "x.xxx.xxxoxxx.xx",
            "open_hat": "......x.........",
            "rim": "...........o..o.",
        },
    },
    bass_lines={"long": "R---------R---5-", "moving": "R-----R--8-.R-a-"},
    compings={"lazy": "C-----C---..3-2-", "push": "C--.C---..C-1-2-", "held": "C---------------"},
    motifs=("x.xxx-x-x.xx-x--", "xxx-x.xxx-x-x---", "..x-xxx-x-xxx---", "x-xxx---x-xxx---"),
    patches={
        "bass": Patch(
            spectrum=(1.0, 0.3, 0.12, 0.05, 0.03, 0.015),
            cutoff_hz=500.0,
            attack_s=0.006,
            decay_s=0.9,
            sustain=0.55,
            release_s=0.1,
            glide_s=0.05,
        ),
        "keys": Patch(
            spectrum=WORN_TINE,
            cutoff_hz=800.0,
            sweep_octaves=2.4,
            sweep_decay_s=0.25,
            decay_s=1.1,
            sustain=0.25,
            release_s=0.25,
            voices=((-6.0, -0.7), (6.0, 0.7)),
            vibrato_cents=7.0,
            vibrato_hz=0.9,
        ),
        "pad": Patch(
            spectrum="saw",
            cutoff_hz=600.0,
            attack_s=0.25,
            sustain=0.95,
            release_s=0.5,
            voices=((-12.0, -1.0), (12.0, 1.0)),
        ),
        "lead": Patch(
            spectrum=BELL,
            cutoff_hz=5_000.0,
            attack_s=0.002,
            decay_s=0.5,
            sustain=0.0,
            release_s=0.5,
            voices=((-3.0, -0.5), (3.0, 0.5)),
        ),
    },
    kit=Kit(
        kick_hz=45.0,
        kick_decay_s=0.2,
        kick_click=0.3,
        snare_hz=170.0,
        snare_decay_s=0.1,
        hat_decay_s=0.03,
        levels_db={"clap": -6.0, "closed_hat": -12.0, "open_hat": -14.0, "rim": -7.0, "crash": -13.0},
    ),
    singer=Singer(centre_pitch=60.0, formant_scale=0.96, vibrato_cents=14.0, breath_db=-26.0),
    balance_db={
        "drums": -13.5,
        "bass": -15.5,
        "keys": -20.0,
        "pad": -25.0,
        "lead": -23.0,
        "voice": -17.5,
        "choir": -25.0,
    },
    channels={
        "drums": Channel(highpass_hz=26.0, threshold_db=-16.0, ratio=1.8, reverb_db=-21.0),
        "bass": Channel(highpass_hz=26.0, threshold_db=-18.0, ratio=2.5, duck_db=-6.0),
        "keys": Channel(highpass_hz=130.0, chorus=0.35, reverb_db=-14.0, echo_db=-20.0, duck_db=-2.0),
    },
    bus=BusRanges(glue_ratio=(1.3, 2.6), tilt_db=(-3.5, 5.5), drive_db=(-9.0, 5.0)),
    programs={"bass": 38, "keys": 5, "pad": 89, "lead": 10, "voice": 53, "choir": 52},
    reverb_room=0.5,
    has_fills=False,
)

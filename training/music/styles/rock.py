"""Rock: power chords on two driven guitars, one at each side, an organ behind them, eighths on the bass."""

from rebounce.training.music.style import Amp, BusRanges, Channel, Form, Kit, Patch, Scene, Singer, Style

DRAWBARS = (1.0, 0.8, 0.5, 0.45, 0.0, 0.3, 0.0, 0.25)

ROCK = Style(
    name="rock",
    bpm=(116.0, 152.0),
    swing=(0.0, 0.04),
    swing_steps=1,
    modes=("minor", "mixolydian"),
    # Only degrees whose fifth is a perfect one in both modes: a power chord on any other would be a tritone.
    progressions=((0, 5, 3, 6), (0, 6, 3, 0), (0, 3, 6, 4), (5, 6, 0, 0), (0, 0, 3, 6)),
    chord_tones=3,
    forms=(
        Form(opening=("intro",), cycle=("verse", "chorus", "break"), closing=("chorus",)),
        Form(opening=("chorus",), cycle=("verse", "break", "chorus")),
        Form(cycle=("verse", "chorus", "break"), closing=("chorus",)),
    ),
    scenes={
        "intro": Scene(
            weight=1.0, levels_db={"drums": -6.0, "keys": -4.5, "pad": -6.0}, groove="hats", comping="stabs"
        ),
        "verse": Scene(
            weight=2.2,
            levels_db={"drums": -3.5, "bass": -2.5, "keys": -6.0, "voice": -1.0},
            groove="verse",
            bass="eighths",
            comping="muted",
            brightness_octaves=(-0.5, -0.3),
        ),
        "chorus": Scene(
            weight=2.4,
            levels_db={"drums": 0.0, "bass": 0.0, "keys": 0.0, "pad": 0.0, "voice": 1.0, "choir": -1.0, "lead": -3.0},
            groove="chorus",
            bass="eighths",
            comping="open",
            brightness_octaves=(0.2, 0.4),
        ),
        "break": Scene(
            weight=1.0,
            levels_db={"keys": -9.0, "pad": -7.0, "lead": -6.0},
            comping="held",
            brightness_octaves=(-1.2, -0.4),
            stop_beats=1.0,
        ),
    },
    grooves={
        "hats": {"kick": "X...X...X...X...", "closed_hat": "x.x.x.x.x.x.x.x."},
        "verse": {"kick": "X.....x.X.X.....", "snare": "....X.......X...", "closed_hat": "X.x.X.x.X.x.X.x."},
        "chorus": {
            "kick": "X..x..x.X.X...x.",
            "snare": "....X.......X..o",
            "open_hat": "X...X...X...X...",
            "ride": "..x...x...x...x.",
        },
    },
    bass_lines={"eighths": "R-R-R-R-R-R-R-a-"},
    compings={
        "stabs": "P--.P--.P-P-....",
        "muted": "P-P-P-P-P-P-P-P-",
        "open": "P-----P---P-P---",
        "held": "C---------------",
    },
    motifs=("x-x-x---x-x-x---", "x---x-x-x-x-x---", "..x-x-x-x---x---", "x--x--x-x---x---"),
    patches={
        "bass": Patch(spectrum="saw", cutoff_hz=420.0, sweep_octaves=1.6, sweep_decay_s=0.1, decay_s=0.4, sustain=0.8),
        "keys": Patch(
            spectrum="string",
            cutoff_hz=900.0,
            sweep_octaves=2.0,
            sweep_decay_s=0.3,
            attack_s=0.004,
            decay_s=0.9,
            sustain=0.55,
            release_s=0.06,
            voices=((-6.0, -1.0), (7.0, 1.0)),
            strum_s=0.006,
        ),
        "pad": Patch(
            spectrum=DRAWBARS,
            cutoff_hz=2_400.0,
            attack_s=0.02,
            sustain=1.0,
            release_s=0.08,
            voices=((-3.0, -0.5), (3.0, 0.5)),
            vibrato_cents=8.0,
            vibrato_hz=6.4,
        ),
        "lead": Patch(
            spectrum="string",
            cutoff_hz=1_400.0,
            sweep_octaves=1.2,
            attack_s=0.006,
            decay_s=1.0,
            sustain=0.7,
            vibrato_cents=22.0,
            glide_s=0.05,
        ),
    },
    kit=Kit(
        kick_hz=58.0,
        kick_decay_s=0.13,
        kick_click=0.5,
        snare_hz=180.0,
        snare_decay_s=0.17,
        hat_decay_s=0.055,
        levels_db={"closed_hat": -10.0, "open_hat": -13.0, "ride": -13.0, "crash": -9.0},
    ),
    singer=Singer(centre_pitch=65.0, formant_scale=1.02, vibrato_cents=22.0),
    balance_db={
        "drums": -14.0,
        "bass": -17.0,
        "keys": -18.5,
        "pad": -27.0,
        "lead": -21.0,
        "voice": -17.5,
        "choir": -25.0,
    },
    channels={
        "drums": Channel(highpass_hz=30.0, threshold_db=-16.0, ratio=2.0, reverb_db=-15.0),
        "bass": Channel(highpass_hz=38.0, amp=Amp(drive_db=10.0, speaker_hz=2_600.0), threshold_db=-20.0, ratio=3.0),
        "keys": Channel(highpass_hz=90.0, amp=Amp(drive_db=26.0), reverb_db=-20.0),
        "lead": Channel(highpass_hz=180.0, amp=Amp(drive_db=22.0), reverb_db=-12.0, echo_db=-11.0),
    },
    bus=BusRanges(glue_ratio=(1.4, 3.0), drive_db=(-9.0, 5.0)),
    # Clean guitars: the amplifiers are on the desk.
    programs={"bass": 34, "keys": 27, "pad": 18, "lead": 27, "voice": 53, "choir": 52},
    reverb_room=0.55,
)

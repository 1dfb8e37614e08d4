"""How one band and one mixer take a style: no two kits are tuned alike, and no two mixers agree."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from rebounce.training.music.style import Kit, Style

BALANCE_DB = 1.2
"""Standard deviation of a part's level from the style's balance."""

PANNED = ("keys", "lead")
FARTHEST_PAN = 0.35
DYNAMICS = (0.4, 1.0)
BRIGHTNESS_OCTAVES = (-0.5, 0.7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """What was settled for one piece.

    `dynamics` scales the differences in level between sections; `pans` are -1 (left) to 1, `balance_db` the level of
    each part where it plays; `brightness_octaves` opens the synthesisers' filters.
    """

    kit: Kit
    balance_db: Mapping[str, float]
    pans: Mapping[str, float]
    dynamics: float = 1.0
    brightness_octaves: float = 0.0


def plain_taste(style: Style) -> Taste:
    """The style as it is written."""
    return Taste(kit=style.kit, balance_db=style.balance_db, pans={})


def draw_taste(style: Style, rng: np.random.Generator) -> Taste:
    """The style as somebody likes it."""
    return Taste(
        kit=_tuned(style.kit, rng),
        balance_db={
            part: level_db + float(np.clip(rng.normal(0.0, BALANCE_DB), -2.5, 2.5))
            for part, level_db in sorted(style.balance_db.items())
        },
        pans={part: float(rng.uniform(-FARTHEST_PAN, FARTHEST_PAN)) for part in PANNED},
        dynamics=float(rng.uniform(*DYNAMICS)),
        brightness_octaves=float(rng.uniform(*BRIGHTNESS_OCTAVES)),
    )


def _tuned(kit: Kit, rng: np.random.Generator) -> Kit:
    """The kit with other skins and sticks."""
    pitch, length, click = (float(2 ** rng.uniform(-reach, reach)) for reach in (0.15, 0.35, 0.8))
    return replace(
        kit,
        kick_hz=kit.kick_hz * pitch,
        kick_decay_s=kit.kick_decay_s * length,
        kick_click=kit.kick_click * click,
        snare_hz=kit.snare_hz * float(2 ** rng.uniform(-0.2, 0.2)),
        snare_decay_s=kit.snare_decay_s * float(2 ** rng.uniform(-0.35, 0.35)),
        hat_decay_s=kit.hat_decay_s * float(2 ** rng.uniform(-0.4, 0.4)),
    )

"""The styles that there are, one file each: data only, no code. Adding one is adding its file and its line here."""

from collections.abc import Mapping

from rebounce.training.music.style import Style
from rebounce.training.music.styles.ambient import AMBIENT
from rebounce.training.music.styles.club import CLUB
from rebounce.training.music.styles.folk import FOLK
from rebounce.training.music.styles.hiphop import HIPHOP
from rebounce.training.music.styles.pop import POP
from rebounce.training.music.styles.rock import ROCK
from rebounce.training.music.styles.soul import SOUL

STYLES: Mapping[str, Style] = {style.name: style for style in (AMBIENT, CLUB, FOLK, HIPHOP, POP, ROCK, SOUL)}

"""A score played by the `fluidsynth` command from a General MIDI sound font, where both are installed.

What always holds: each part is rendered alone, dry and at the length that is asked for, and nothing but the score, the
sound font and the version of fluidsynth decides what comes out.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.training.music.midi import ALL_PARTS, midi_file
from rebounce.training.music.score import Score

COMMAND = "fluidsynth"
HIGHEST_RATE_HZ = 96_000
SILENCE = 1e-6
FONT_FOLDERS = tuple(
    Path(folder)
    for folder in (
        "/usr/share/sounds/sf2",
        "/usr/share/soundfonts",
        "/usr/local/share/soundfonts",
        "/opt/homebrew/share/soundfonts",
    )
)
HOW_TO_INSTALL = "on Debian: apt install fluidsynth timgm6mb-soundfont"


@dataclass(frozen=True, slots=True, kw_only=True)
class FluidSynth:
    """A player with the instruments of one sound font (.sf2 or .sf3)."""

    sound_font: Path

    def __post_init__(self) -> None:
        if shutil.which(COMMAND) is None:
            raise UsageError(f"the command {COMMAND} is not installed; {HOW_TO_INSTALL}")
        if not self.sound_font.is_file():
            raise UsageError(
                f"{self.sound_font}: expected a sound font (.sf2 or .sf3), found no file; {HOW_TO_INSTALL}"
            )

    def perform(self, score: Score, frames: int, sample_rate_hz: int, rng: np.random.Generator) -> dict[str, Audio]:
        """The drums and every part as `(2, frames)`; nothing is drawn, the players' liberties are in the score."""
        if sample_rate_hz > HIGHEST_RATE_HZ:
            raise UsageError(f"music at {sample_rate_hz} Hz: {COMMAND} plays at {HIGHEST_RATE_HZ} Hz at most")
        return {part: self._render(score, part, frames, sample_rate_hz) for part in ALL_PARTS}

    def _render(self, score: Score, part: str, frames: int, sample_rate_hz: int) -> Audio:
        import soundfile

        out = np.zeros((2, frames), dtype=np.float32)
        if not (score.hits if part == "drums" else score.notes[part]):
            return out
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "part.mid").write_bytes(midi_file(score, (part,)))
            # An empty configuration, because one in the home folder could change the sound.
            (folder / "none.cfg").touch()
            said = self._run(folder, sample_rate_hz)
            if not (folder / "part.wav").exists():
                raise self._failure(said)
            played = soundfile.read(folder / "part.wav", dtype="float32", always_2d=True)[0].T
        # A font that cannot be read is no error for fluidsynth: it goes on without one, and nothing sounds.
        if np.abs(played).max(initial=0.0) < SILENCE:
            raise self._failure(said)
        out[:, : played.shape[1]] = played[:, :frames]
        return out

    def _run(self, folder: Path, sample_rate_hz: int) -> str:
        """Render part.mid into part.wav; gives what was said about it."""
        alone = ["-n", "-i", "-q", "-f", str(folder / "none.cfg"), "-o", "synth.default-soundfont="]
        dry = ["-o", "synth.dynamic-sample-loading=1", "-R", "0", "-C", "0", "-g", "0.5"]
        output = ["-r", str(sample_rate_hz), "-T", "wav", "-O", "float", "-F", str(folder / "part.wav")]
        command = [COMMAND, *alone, *dry, *output, str(self.sound_font), str(folder / "part.mid")]
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        return (run.stderr or run.stdout).strip()

    def _failure(self, said: str) -> UsageError:
        reason = said.splitlines()[-1] if said else "it said nothing"
        return UsageError(
            f"{self.sound_font}: expected a General MIDI sound font, but {COMMAND} made no sound of it ({reason}); "
            f"try another one, {HOW_TO_INSTALL}"
        )


def installed_sound_font(folders: Sequence[Path] = FONT_FOLDERS) -> Path:
    """The smallest sound font in the usual places."""
    found = [path for folder in folders for pattern in ("*.sf2", "*.sf3") for path in folder.glob(pattern)]
    if not found:
        looked = ", ".join(str(folder) for folder in folders)
        raise UsageError(f"no sound font found in {looked}; {HOW_TO_INSTALL}")
    return min(found, key=lambda path: (path.stat().st_size, path))

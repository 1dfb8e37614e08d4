"""What is asked for one file: where from, where to, and how the result is shaped."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rebounce.engine.errors import UsageError

FORMATS = ("keep", "wav", "flac", "mp3", "ogg")
BIT_DEPTHS = {"16": "PCM_16", "24": "PCM_24", "32f": "FLOAT"}
CLIP_MODES = ("rescale", "keep", "clamp", "limit")


# The suffixes of one kind of file; those of the first four can be asked for whatever the input is.
SUFFIXES = {
    "wav": (".wav", ".wave", ".bwf", ".rf64"),
    "flac": (".flac",),
    "mp3": (".mp3",),
    "ogg": (".ogg", ".oga"),
    "w64": (".w64",),
    "aiff": (".aif", ".aiff", ".aifc"),
}


def format_for(source: Path, target: Path) -> str:
    """The format that the name of a target asks for: that of its suffix, or "keep" where the input has the same."""
    kind, wanted = (
        next((name for name, suffixes in SUFFIXES.items() if path.suffix.lower() in suffixes), None)
        for path in (source, target)
    )
    if wanted in FORMATS and (wanted != kind or wanted in ("mp3", "ogg")):
        return str(wanted)
    if wanted is None or wanted != kind:
        raise UsageError(
            f"{target}: expected a name that ends as that of the input does ({source.suffix or 'none'}), or in "
            ".wav, .flac, .mp3 or .ogg"
        )
    return "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What shapes the output file, the chain apart."""

    file_format: str = "keep"
    bit_depth: str = "keep"
    sample_rate_hz: int | None = None
    clip_mode: str = "rescale"
    keep_mtime: bool = False
    delta: Path | None = None
    saves_chain: bool = False
    has_meters: bool = True

    def shaping(self) -> dict[str, Any]:
        """Those that change samples or container: part of what identifies a result."""
        return {
            "format": self.file_format,
            "bit_depth": self.bit_depth,
            "sample_rate_hz": self.sample_rate_hz,
            "clip_mode": self.clip_mode,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One file to restore.

    `copy_target` is where the input goes when nothing was changed (a lossy file keeps its own suffix then). `root` is
    the output folder whose notes tell our own results from other files; None where a single file is asked for. `model`
    is what the chain's models were called when `preset_hash` was made of them. `input_sha256` is the input's, where the
    caller has read it already.
    """

    source: Path
    target: Path
    copy_target: Path
    root: Path | None = None
    options: Options = Options()
    preset: str = "board"
    preset_hash: str = ""
    model: str | None = None
    input_sha256: str | None = None
    is_forced: bool = False

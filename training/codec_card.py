"""What a codec learned from: the licences that its music is under, and the data card that goes with its weights."""

import tomllib
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from rebounce.engine.errors import ConfigError
from rebounce.engine.staging import Staged, output_errors
from rebounce.training.codec_corpus import Corpus
from rebounce.training.tracks import Track

LICENCES_NAME = "licences.toml"
"""In a folder of music: `"song.flac" = "CC BY 4.0, by whom"`, names with `*` and `?` too; the first to fit counts."""

UNSTATED = "not stated"


def licences_in(folders: Iterable[str | Path]) -> Callable[[Track], str]:
    """What the folders' own `licences.toml` say of a track; empty where they say nothing."""
    patterns = [pair for folder in folders for pair in _patterns(Path(folder) / LICENCES_NAME)]
    return lambda track: next((told for name, told in patterns if fnmatchcase(track.path.name, name)), "")


def data_card(corpus: Corpus) -> str:
    """In Markdown: how much music, under which licences, and every track with its hash."""
    licences: dict[str, int] = {}
    for track in corpus.tracks:
        licences[track.licence or UNSTATED] = licences.get(track.licence or UNSTATED, 0) + track.frames
    minutes = {name: frames / corpus.sample_rate_hz / 60 for name, frames in licences.items()}
    lines = [f"{len(corpus.tracks)} tracks, {sum(minutes.values()):.1f} minutes.", ""]
    lines += [f"- {name}: {minutes[name]:.1f} minutes" for name in sorted(minutes)]
    lines += ["", "| track | licence | seconds | SHA-256 |", "| --- | --- | ---: | --- |"]
    lines += [
        f"| {_cell(track.name)} | {_cell(track.licence or UNSTATED)} | {track.frames / corpus.sample_rate_hz:.1f} "
        f"| {track.sha256} |"
        for track in corpus.tracks
    ]
    return "\n".join(lines) + "\n"


def write_data_card(text: str, path: Path) -> None:
    """Write the card, whole or not at all, over an older one."""
    with Staged(path, replaces=True) as staged:
        with output_errors(path):
            staged.file.write(text.encode())
        staged.publish()


def _patterns(path: Path) -> list[tuple[str, str]]:
    if not path.is_file():
        return []
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigError(f'{path}: expected lines like "song.flac" = "CC BY 4.0", found {problem}') from problem
    for name, told in table.items():
        if not isinstance(told, str) or not told.strip():
            raise ConfigError(f'{path}: expected {name!r} = "the licence", found {told!r}; quote names with a dot')
    return list(table.items())


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

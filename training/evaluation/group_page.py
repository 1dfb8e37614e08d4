"""What is kept of one group, made and written by one process: audio files, pictures, and a page to listen to.

A page holds its sound and pictures itself, so that it can be sent on; the files beside it are exact.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import soundfile
from scipy.io import wavfile

from rebounce.engine.audio import Audio
from rebounce.engine.deferred_signals import signals_wait
from rebounce.engine.overview import HIGHEST_HZ, Overview
from rebounce.engine.pictures import spectrogram_picture
from rebounce.training.evaluation.groups import CLEAN
from rebounce.training.evaluation.item_page import Showing, item_article
from rebounce.training.evaluation.kept import Kept, versions
from rebounce.training.evaluation.listening import heard
from rebounce.training.evaluation.page import filled, spectrogram_scale
from rebounce.training.evaluation.wording import counted
from rebounce.training.evaluation.written import write_file, write_text

MOST_SOUND_BYTES = 24_000_000
"""What the sound of one page may take."""

FLAC_MOST_RATE_HZ = 65_535
FLAC_MOST_CHANNELS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPage:
    """What is to be written for one group, into a folder."""

    group: str
    kept: tuple[Kept, ...]
    folder: Path

    @property
    def name(self) -> str:
        """The page's file name."""
        return page_name(self.group)


def write_group(page: GroupPage) -> list[str]:
    """Write everything; returns the files, by their paths below the folder."""
    files: list[str] = []
    articles = [_item(page, number, kept, files) for number, kept in enumerate(page.kept, 1)]
    title = "Clean audio that was changed" if page.group == CLEAN else f"Listen: {page.group}"
    why = page.kept[0].why
    told = why if page.group == CLEAN else f"{counted(len(page.kept), 'item')}, ranked by {why}"
    html = filled(
        title=title,
        summary=told,
        index='<p class="index"><a href="index.html">All tables</a></p>',
        files="\n".join(articles),
        footer=spectrogram_scale(),
        has_player=True,
    )
    write_text(page.folder / page.name, html)
    return [*files, page.name]


def page_name(group: str) -> str:
    """The file name of a group's page."""
    return f"{'do-no-harm' if group == CLEAN else file_part(group)}.html"


def file_part(text: str) -> str:
    """A text as a part of a file's name on any system."""
    return re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII).strip("-.")[:60] or "item"


def file_names(names: Sequence[str]) -> dict[str, str]:
    """A file name for each of them, no two alike, not even to a file system that ignores case."""
    parts = [file_part(name).lower() for name in names]
    counts = [parts[: number + 1].count(part) for number, part in enumerate(parts)]
    return {
        name: file_part(name) if count == 1 else f"{file_part(name)}-{count}"
        for name, count in zip(names, counts, strict=True)
    }


def _item(page: GroupPage, number: int, kept: Kept, files: list[str]) -> str:
    rate = kept.measured.track.sample_rate_hz
    place = f"{file_part(page.group)}/{number}-{file_part(kept.place)}-{file_part(kept.measured.track.path.stem)}"
    made = versions(kept.trial)
    overviews = {version.name: _overview(version.audio, rate) for version in made}
    top_hz = min(HIGHEST_HZ, rate / 2)
    pictures = {name: spectrogram_picture(overview, top_hz) for name, overview in overviews.items()}
    links = {}
    names = file_names([version.name for version in made])
    for version in made:
        base = f"{place}/{names[version.name]}"
        links[version.name] = _write_audio(page.folder, base, version.audio, rate)
        write_file(page.folder / f"{base}.png", pictures[version.name])
        files += [links[version.name], f"{base}.png"]
    sound = heard([version.audio for version in made], rate, overviews[made[0].name], MOST_SOUND_BYTES / len(page.kept))
    shown = Showing(
        kept=kept,
        pictures=pictures,
        listening=sound,
        files={name: quote(path) for name, path in links.items()},
        twins={version.name: version.twins for version in made if version.twins},
    )
    return item_article(number, shown)


def _overview(audio: Audio, sample_rate_hz: int) -> Overview:
    overview = Overview(frames=audio.shape[1], channels=audio.shape[0], sample_rate_hz=sample_rate_hz)
    overview.add(audio)
    return overview


def _write_audio(folder: Path, base: str, audio: Audio, sample_rate_hz: int) -> str:
    """FLAC of 24 bits where that holds the audio, else WAV of 32-bit float; returns where it is."""
    fits = float(np.abs(audio).max(initial=0.0)) < 1 and audio.shape[0] <= FLAC_MOST_CHANNELS
    is_flac = fits and sample_rate_hz <= FLAC_MOST_RATE_HZ
    file = io.BytesIO()
    if is_flac:
        with signals_wait():  # soundfile calls back into Python for each piece, and loses what is raised there
            soundfile.write(file, audio.T, sample_rate_hz, format="FLAC", subtype="PCM_24")
    else:
        # libsndfile would put the time of day into the file.
        wavfile.write(file, sample_rate_hz, audio.T)
    path = f"{base}.{'flac' if is_flac else 'wav'}"
    write_file(folder / path, file.getvalue())
    return path

"""Watched folders as a service leaves them: real ledgers, real results, originals and records."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from bouncing import unfinished_at

from rebounce.engine.audio import Audio
from rebounce.engine.history import sha256_of
from rebounce.watchers.bounce import Bounce, State, stamp_of
from rebounce.watchers.failing import fail
from rebounce.watchers.layout import layout_of
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.prepared import Presets
from rebounce.watchers.presence import Presence
from rebounce.watchers.processes import this_process
from rebounce.watchers.repair import Bench, work_on
from rebounce.watchers.settings import WatchFolder
from rebounce.watchers.status import Watched

RATE_HZ = 44_100
BROKEN = "the audio ends in the middle of a frame; bounce it again"


def settings_of(watched: Watched) -> WatchFolder:
    """What a service would be told of the folder."""
    return WatchFolder(path=watched.layout.root, preset=watched.preset, spare_mb=0)


def folder_at(root: Path, preset: str = "five-stage", state: Path | None = None) -> Watched:
    """A watched folder with a ledger in which nothing stands; with `state` that lies there, as it does for a share."""
    root.mkdir(parents=True, exist_ok=True)
    layout = layout_of(WatchFolder(path=root, preset=preset), state is not None, state or root)
    Ledger(layout.ledger).close()
    Presence(layout)
    return Watched(layout=layout, preset=preset, name=root.name)


def mix(seconds: float = 4.0, level: float = 0.1, seed: int = 0) -> Audio:
    """Bars of a few notes with drums of noise: something to look at and to restore."""
    frames = round(seconds * RATE_HZ)
    time_s = np.arange(frames) / RATE_HZ
    random = np.random.default_rng(seed)
    beat = np.exp(-8 * (time_s % 0.5))
    notes = 110 * 2 ** (np.array([0, 3, 7, 10])[(time_s // 0.5).astype(int) % 4] / 12)
    phase = 2 * np.pi * np.cumsum(notes) / RATE_HZ
    melody = sum(np.sin(phase * harmonic) / harmonic for harmonic in range(1, 40)) * (0.3 + 0.7 * beat)
    drums = np.convolve(random.standard_normal(frames) * beat, [0.3, 0.4, 0.3], mode="same")
    hiss = 0.01 * random.standard_normal((2, frames))
    return (level * (hiss + np.stack([melody + 0.5 * drums, 0.9 * melody + 0.6 * drums]))).astype(np.float32)


def drop(watched: Watched, path: str, audio: Audio | None = None, subtype: str = "PCM_24", **how: Any) -> Path:
    """A bounce, as it lies in the folder."""
    place = watched.layout.at(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    # soundfile takes no name that is no text.
    plain = place.with_name(f"plain{place.suffix}")
    soundfile.write(plain, (mix() if audio is None else audio).T, RATE_HZ, subtype=subtype, **how)
    return plain.rename(place)


def seen(ledger: Ledger, watched: Watched, path: str, until: State = State.QUEUED) -> int:
    """A bounce in the books, not yet worked on; returns its number there."""
    stamp = stamp_of(watched.layout.at(path).stat())
    ledger.discover([(path, stamp)])
    if until is State.SETTLING:
        ledger.settle([(path, stamp, "the header gives a length that is not there yet")])
    elif until is State.QUEUED:
        ledger.queue([(path, stamp, None)])
    bounce = unfinished_at(ledger, path)
    assert bounce is not None
    return bounce.id


def begin(ledger: Ledger, watched: Watched, id: int) -> Bounce:
    """Take a queued bounce, and say what is in it, so that its time runs."""
    assert ledger.start(id, this_process(), this_process())
    bounce = ledger.known(id)
    place = watched.layout.at(bounce.source)
    ledger.identify(bounce, sha256_of(place), f"not known yet {id}", stamp_of(place.stat()))
    return ledger.known(id)


def end(ledger: Ledger, watched: Watched, id: int) -> Bounce:
    """Do with a running bounce what a worker does."""
    folder = settings_of(watched)
    bench = Bench(folder=folder, layout=watched.layout, ledger=ledger, on_progress=lambda fraction: None)
    work_on(bench, id, lambda bounce: Presets().get(folder, bounce.preset))
    return ledger.known(id)


def restored(watched: Watched, path: str, audio: Audio | None = None, **how: Any) -> int:
    """A bounce that was dropped and restored; returns its number in the books."""
    drop(watched, path, audio, **how)
    return restored_from(watched, path)


def restored_from(watched: Watched, path: str) -> int:
    """A bounce that lies there and was restored; returns its number in the books."""
    with Ledger(watched.layout.ledger) as ledger:
        id = seen(ledger, watched, path)
        begin(ledger, watched, id)
        end(ledger, watched, id)
    return id


def failed(watched: Watched, path: str, sentence: str = BROKEN) -> int:
    """A bounce that was dropped and given up, although there is nothing wrong with it."""
    drop(watched, path)
    with Ledger(watched.layout.ledger) as ledger:
        id = seen(ledger, watched, path)
        fail(watched.layout, ledger, settings_of(watched), begin(ledger, watched, id), sentence)
    return id

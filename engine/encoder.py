"""Hands samples to libsndfile, and raises what the file behind it refused."""

import contextlib

import soundfile

from rebounce.engine.deferred_signals import signals_wait
from rebounce.engine.pcm import Samples
from rebounce.engine.virtual_file import Guarded


class Encoder:
    """A sound file that is open for writing, and the virtual file that it writes to."""

    def __init__(self, file: Guarded, sound: soundfile.SoundFile) -> None:
        self._file = file
        self._sound = sound

    def write(self, samples: Samples) -> None:
        """The next samples `(frames, channels)`, in the carrier of their subtype."""
        try:
            with signals_wait():
                self._sound.write(samples)
        except Exception:
            self._file.raise_problem()  # libsndfile only knows that fewer bytes were taken than it gave
            raise
        self._file.raise_problem()

    def close(self) -> None:
        """Let libsndfile write what it still has; the file behind stays open."""
        try:
            with signals_wait():
                self._sound.close()
        except soundfile.LibsndfileError:
            self._file.raise_problem()
            raise
        self._file.raise_problem()

    def discard(self) -> None:
        """Let go of libsndfile, when it does not matter any more what was written."""
        with signals_wait(), contextlib.suppress(soundfile.LibsndfileError):
            self._sound.close()

"""The encodec package, imported whether or not torchaudio loads.

encodec names torchaudio at the top of two modules and uses it only to resample and to read and write files, which
rebounce does itself. torchaudio loads with the one torch it was made for and with no other (torch 2.13 with torchaudio
2.11: an OSError about a library). Where it does not load, an empty module stands in for it while encodec is imported,
and only then; where it loads, nothing is done.
"""

import importlib
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from rebounce.engine.errors import CodecError

# Two threads would each take away the other's stand-in, and the other's filter of warnings.
_IMPORTING = threading.Lock()


def import_encodec() -> ModuleType:
    """The package; warnings that it and torchaudio give while they load are of no use to anyone and are dropped."""
    try:
        with _IMPORTING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if "encodec" in sys.modules:
                return importlib.import_module("encodec")
            with _torchaudio_or_stand_in():
                return importlib.import_module("encodec")
    except ImportError as error:
        raise CodecError(
            f'the codec "encodec" cannot be imported: {error}; install it with pip install "rebounce[train]"'
        ) from error


@contextmanager
def _torchaudio_or_stand_in() -> Iterator[None]:
    """Inside, `import torchaudio` works; afterwards `sys.modules` knows of torchaudio what it knew before."""
    loaded_before = _torchaudio_modules()
    try:
        importlib.import_module("torchaudio")
    except (
        Exception
    ) as error:  # a missing library is an OSError, another CUDA a RuntimeError, an older API no attribute
        _forget_torchaudio(loaded_before)
        sys.modules["torchaudio"] = _StandIn(error)
        try:
            yield
        finally:
            _forget_torchaudio(loaded_before)
    else:
        yield


class _StandIn(ModuleType):
    """What encodec's own modules keep as `torchaudio`; it says what is wrong to whoever uses it through them."""

    def __init__(self, error: Exception) -> None:
        super().__init__("torchaudio")
        self._error = error

    def __getattr__(self, name: str) -> object:
        raise AttributeError(f"torchaudio.{name} is not there, as torchaudio does not load here: {self._error}")


def _torchaudio_modules() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "torchaudio"}


def _forget_torchaudio(loaded_before: dict[str, ModuleType]) -> None:
    for name in _torchaudio_modules():
        del sys.modules[name]
    sys.modules.update(loaded_before)

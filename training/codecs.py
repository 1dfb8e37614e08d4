"""The codecs by name, and those in folders of model packages. Importable without torch, which only EnCodec needs."""

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rebounce.engine.codec import Codec
from rebounce.engine.errors import CodecError, UsageError
from rebounce.engine.model_store import bundled_models, find_model, own_models
from rebounce.engine.onnx_codec import OnnxCodec, open_onnx_codec

LIGHT = "light"
ENCODEC = "encodec"
CODECS = {
    ENCODEC: "the encodec package's 48 kHz stereo model, at 3, 6, 12 or 24 kbps",
    LIGHT: "the codec that comes with rebounce, 48 kHz stereo at 24 kbps",
}

ENCODEC_KBPS = 24.0
"""What EnCodec codes at where nothing else is asked for: all its codebooks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecChoice:
    """What was asked for; small, so that every process can open its own.

    `name` is one of `CODECS`, a model package's, or its folder. `weights` and `bandwidth_kbps` are EnCodec's alone;
    None is what it takes by itself.
    """

    name: str
    weights: Path | None = None
    bandwidth_kbps: float | None = None

    @property
    def kbps(self) -> float:
        """EnCodec's rate."""
        return ENCODEC_KBPS if self.bandwidth_kbps is None else self.bandwidth_kbps

    @property
    def label(self) -> str:
        """What to call it beside others."""
        return f"{self.name} at {self.kbps:g} kbps" if self.name == ENCODEC else self.name


@dataclass(slots=True)
class _Process:
    """The threads that codecs may have in this process; None until somebody says."""

    threads: int | None = None


_PROCESS = _Process()


def codec_choice(name: str | None, weights: Path | None, bandwidth_kbps: float | None) -> CodecChoice:
    """The choice behind the options of a command, those that were not given being None.

    Without a name it is EnCodec for its own options, else the codec that comes with rebounce, where one does.
    """
    is_for_encodec = weights is not None or bandwidth_kbps is not None
    usual = LIGHT if LIGHT in bundled_models() and not is_for_encodec else ENCODEC
    return CodecChoice(name=usual if name is None else name, weights=weights, bandwidth_kbps=bandwidth_kbps)


def opened(choice: CodecChoice) -> Codec:
    """The codec, loaded once a process, with the threads that `use_threads` gave it."""
    codec = _opened(choice)
    if isinstance(codec, OnnxCodec):
        codec.use_threads(_PROCESS.threads)
    return codec


def use_threads(count: int) -> None:
    """Let codecs have so many in this process, from the next `opened` on; what comes out is the same for any number."""
    _PROCESS.threads = count
    if "torch" in sys.modules:
        _give_torch(count)


def open_codec(name: str, weights: Path | None = None, bandwidth_kbps: float | None = None) -> Codec:
    """A codec by its name or its package's folder; EnCodec's weights are those in a file, or come from its hub."""
    choice = CodecChoice(name=name, weights=weights, bandwidth_kbps=bandwidth_kbps)
    return _open_encodec(choice) if name == ENCODEC else _open_package(choice)


@cache
def _opened(choice: CodecChoice) -> Codec:
    return open_codec(choice.name, choice.weights, choice.bandwidth_kbps)


def _open_package(choice: CodecChoice) -> Codec:
    """On the CPU, where the codes are the same on every run."""
    name = choice.name
    if not (name and Path(name).is_dir()) and name not in (*bundled_models(), *own_models()):
        missing = "; this copy of rebounce came without it" if name == LIGHT else ""
        raise UsageError(
            f"--codec {name}: expected {', '.join(CODECS)} or the folder of a codec's package, found none{missing}"
        )
    for option, value in (("--weights", choice.weights), ("--bandwidth", choice.bandwidth_kbps)):
        if value is not None:
            raise UsageError(
                f"{option}: only the codec {ENCODEC} takes it, {name} has weights and a rate of its own; "
                f"leave {option} out, or name --codec {ENCODEC}"
            )
    return open_onnx_codec(find_model(name), "cpu", _PROCESS.threads)


def _open_encodec(choice: CodecChoice) -> Codec:
    try:
        import torch  # noqa: F401  # so that a missing one is told from other trouble
    except ImportError as error:
        raise CodecError(f'the codec "encodec" needs torch: {error}; pip install "rebounce[train]"') from error
    from rebounce.training.encodec_codec import EncodecCodec
    from rebounce.training.encodec_hub import hub_weights
    from rebounce.training.encodec_weights import read_weights

    if _PROCESS.threads is not None:
        _give_torch(_PROCESS.threads)
    path = hub_weights() if choice.weights is None else choice.weights
    return EncodecCodec(read_weights(path), choice.kbps, source=str(path))


def _give_torch(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)

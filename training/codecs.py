"""The codecs by name. Importable without torch; opening one is not."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rebounce.engine.codec import Codec
from rebounce.engine.errors import CodecError, UsageError

CODECS = {"encodec": "the encodec package's 48 kHz stereo model, at 3, 6, 12 or 24 kbps"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecChoice:
    """What was asked for; small, so that every process can open its own."""

    name: str
    weights: Path | None
    bandwidth_kbps: float


@cache
def opened(choice: CodecChoice) -> Codec:
    """The codec, loaded once a process."""
    return open_codec(choice.name, choice.weights, choice.bandwidth_kbps)


def use_threads(count: int) -> None:
    """Let torch have so many in this process; what comes out is the same for any number."""
    import torch

    torch.set_num_threads(count)


def open_codec(name: str, weights: Path | None = None, bandwidth_kbps: float = 24.0) -> Codec:
    """A codec with the weights in a file, or its own from its hub."""
    if name not in CODECS:
        raise UsageError(f"--codec {name}: expected {' or '.join(CODECS)}")
    return _open_encodec(weights, bandwidth_kbps)


def _open_encodec(weights: Path | None, bandwidth_kbps: float) -> Codec:
    try:
        import torch  # noqa: F401  # so that a missing one is told from other trouble
    except ImportError as error:
        raise CodecError(f'the codec "encodec" needs torch: {error}; pip install "rebounce[train]"') from error
    from rebounce.training.encodec_codec import EncodecCodec
    from rebounce.training.encodec_hub import hub_weights
    from rebounce.training.encodec_weights import read_weights

    path = hub_weights() if weights is None else weights
    return EncodecCodec(read_weights(path), bandwidth_kbps, source=str(path))

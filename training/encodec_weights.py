"""The weights of the encodec package's 48 kHz stereo model: read, checked, named by a hash, made up for tests.

Weights are a state dict under the package's own names. A file is safetensors, or torch's format read with
`weights_only`; nothing in it is ever run.
"""

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rebounce.engine.errors import CodecError
from rebounce.training.encodec_import import import_encodec

State = dict[str, torch.Tensor]

CHECKPOINT = "encodec_48khz-7e698e3e.th"
"""The package's own weights; their name ends in the start of the file's SHA-256."""

_GET_WEIGHTS = f"give a safetensors copy of {CHECKPOINT}, or that file itself, with --weights FILE"

# What one codebook of 1024 entries can take off a residual in 128 dimensions: 10 bits, so 2^(-10 / 128) of its size.
_RESIDUAL_SHRINKS_BY = 2 ** (-10 / 128)


def blank_model() -> Any:
    """The package's model with shapes and no numbers, which draws nothing from torch's global generator."""
    encodec = import_encodec()
    with torch.device("meta"):
        return encodec.EncodecModel.encodec_model_48khz(pretrained=False)


def read_weights(path: Path) -> State:
    """The state dict in a file, whatever its name ends in."""
    try:
        with path.open("rb") as file:
            start = file.read(9)
        if path.name == CHECKPOINT:
            check_checkpoint(path, str(path))
        state = _read_safetensors(path) if start[8:] == b"{" else _read_torch(path)
    except OSError as error:
        raise CodecError(f"{path}: the weights cannot be read: {error.strerror or error}") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise CodecError(f"{path}: expected a state dict of tensors by name, found something else; {_GET_WEIGHTS}")
    return {str(name): value for name, value in state.items()}


def check_checkpoint(path: Path, source: str) -> None:
    """Refuse a file `NAME-SHA256START.th` that has another SHA-256; `source` stands in the message."""
    expected = path.stem.rpartition("-")[2]
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()[: len(expected)]
    if found != expected:
        raise CodecError(
            f"{source}: expected a file whose SHA-256 begins with {expected}, found {found}; it is cut off, or another "
            "file under this name: get it again"
        )


def load_model(state: State, source: str) -> Any:
    """The package's model with these weights, ready to run; `source` stands in the message where they do not fit."""
    model = blank_model()
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    _check_shapes(state, shapes, source)
    _check_kinds(state, source)
    values = {name: state[name].detach().to(torch.float32).contiguous() for name in shapes}
    _check_numbers(values, source)
    model.load_state_dict(values, assign=True)
    return model.eval().requires_grad_(False)


def weights_sha256(state: State) -> str:
    """A hash over names, types, shapes and values in the order of the names: the same whatever file they came from."""
    digest = hashlib.sha256()
    for name in sorted(state):
        values = state[name].detach().cpu().contiguous().numpy()
        digest.update(f"{name} {values.dtype} {values.shape}\n".encode())
        digest.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def random_weights(seed: int) -> State:
    """Weights that code and decode and sound like nothing: they prove the plumbing where the real ones cannot be had.

    The package leaves its codebooks at zero for training to fill; here they shrink from stage to stage as residuals do,
    so that codes are as varied as those of music. The same seed gives the same numbers, and hash, on any machine.
    """
    generator = np.random.default_rng(seed)
    shapes = {name: tuple(tensor.shape) for name, tensor in blank_model().state_dict().items()}
    state = {name: torch.from_numpy(_random_tensor(name, shape, generator)) for name, shape in sorted(shapes.items())}
    for name in shapes:
        if name.endswith(".embed_avg"):
            state[name] = state[name.removesuffix("_avg")].clone()
    return state


def save_weights(path: Path, state: State) -> None:
    """Write them as safetensors."""
    from safetensors.torch import save_file

    save_file(state, path)


def _read_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise CodecError(f"{path}: expected safetensors, found a damaged file ({error}); {_GET_WEIGHTS}") from error


def _read_torch(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of storage types that old files hold
            return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    # A damaged file ends in a dozen kinds of exception, and torch's advice for some of them is to run what is in it.
    except Exception as error:
        raise CodecError(
            f"{path}: expected weights as safetensors or as torch saves a state dict, found neither, or a damaged "
            f"file; {_GET_WEIGHTS}"
        ) from error


def _check_shapes(state: State, shapes: dict[str, tuple[int, ...]], source: str) -> None:
    """Refuse weights of another model, naming the first tensor that tells."""
    for name in [*shapes, *state]:
        expected = shapes.get(name, "no such tensor")
        found = tuple(state[name].shape) if name in state else "no such tensor"
        if expected != found:
            raise CodecError(
                f"{source}: tensor {name}: expected {expected}, found {found}; these are not the weights of the "
                f"encodec package's 48 kHz model; {_GET_WEIGHTS}"
            )


def _check_kinds(state: State, source: str) -> None:
    """Refuse what float32 cannot take over value for value."""
    for name, tensor in state.items():
        is_plain = tensor.layout == torch.strided and not (tensor.is_quantized or tensor.is_meta)
        if not (is_plain and tensor.is_floating_point()):
            found = f"{tensor.dtype} in the layout {tensor.layout} on {tensor.device}"
            raise CodecError(
                f"{source}: tensor {name}: expected plain floating-point numbers, found {found}; {_GET_WEIGHTS}"
            )


def _check_numbers(values: State, source: str) -> None:
    # In numpy: torch splits this among threads, which takes seconds where other processes want the same cores.
    for name, tensor in values.items():
        if not np.isfinite(tensor.numpy()).all():
            raise CodecError(f"{source}: tensor {name}: expected numbers, found NaN or infinity; {_GET_WEIGHTS}")


def _random_tensor(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray[Any, Any]:
    values = generator.standard_normal(shape, dtype=np.float32)
    if name.endswith((".inited", ".cluster_size", ".norm.weight")):
        return np.ones(shape, dtype=np.float32)
    if "._codebook." in name:
        stage = int(name.split(".")[3])
        taken = _RESIDUAL_SHRINKS_BY**stage * (1 - _RESIDUAL_SHRINKS_BY**2) ** 0.5
        return values * np.float32(taken)
    if name.endswith(".bias"):
        return values * np.float32(0.1)
    # The spread that keeps the level of what goes through.
    return values / np.float32(np.sqrt(np.prod(shape[1:])))

"""How much memory a model takes, told before it is loaded.

Always true here: a model is refused only where its weights alone cannot fit; what is computed along the way comes on
top and is small beside the weights of any model that is large.

The factors below were measured with onnxruntime 1.21 and 1.31 on x86-64, as the peak over loading and running networks
of Conv, ConvTranspose and MatMul, in bytes of memory for each byte of weights: the least of them, and the most.
- float32 is kept as it is, and where the kernel wants another order, as a second copy.
- float16 is computed in float32 on a CPU: the weights are there once as they are and once or more in float32.
- A model that is one file is read whole first; weights in a file beside it are mapped and not read.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rebounce.engine.byte_sizes import spell_bytes
from rebounce.engine.errors import ModelError
from rebounce.engine.onnx_weights import FLOAT16_KINDS, INT8_KINDS, Weights

_FLOAT32, _FLOAT16, _INT8 = "float32", "float16", "int8"
# (kind, in a file beside the model) -> (least, most)
FACTORS = {
    (_FLOAT32, True): (1.0, 1.25),
    (_FLOAT32, False): (1.1, 2.1),
    (_FLOAT16, True): (2.0, 3.3),
    (_FLOAT16, False): (2.5, 3.75),
    (_INT8, True): (1.0, 1.8),
    (_INT8, False): (1.1, 2.2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """Between what and what the weights take on the CPU."""

    least_bytes: int
    most_bytes: int

    def describe(self) -> str:
        """In MB or GB, from the least to the most."""
        return f"{spell_bytes(self.least_bytes)} to {spell_bytes(self.most_bytes)}"


def memory_need(weights: Iterable[Weights]) -> MemoryNeed:
    """What these weights take on the CPU while they are loaded and used."""
    least = most = 0.0
    for item in weights:
        low, high = FACTORS[_class_of(item.kind), bool(item.places)]
        least += low * item.bytes
        most += high * item.bytes
    return MemoryNeed(least_bytes=round(least), most_bytes=round(most))


def check_memory(where: str, need: MemoryNeed, free_bytes: int | None) -> None:
    """ModelError where there is less memory than the least that is needed; nothing where nobody knows how much."""
    if free_bytes is not None and free_bytes < need.least_bytes:
        raise ModelError(
            f"{where}: expected {need.describe()} of memory for its weights, found {spell_bytes(free_bytes)} free; "
            "close other programs, restore fewer files at a time (--jobs), or use a smaller model, or a package in int8"
        )


def _class_of(kind: int) -> str:
    if kind in FLOAT16_KINDS:
        return _FLOAT16
    return _INT8 if kind in INT8_KINDS else _FLOAT32

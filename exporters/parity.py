"""Whether an ONNX file computes what the module that it came from computes.

Always true here: a file that passes was run on the example and on `RANDOM_SEEDS` batches of random numbers, of
different sizes, and no output was further from the module's than the tolerance; what is no number passes nowhere.

A difference is the largest of an output, divided by the output's level (its RMS): so it means the same for audio,
latents and decibels. Choices (whole numbers) are equal, or near ties that may fall either way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rebounce.engine.errors import ModelError
from rebounce.engine.onnx_session import Array, open_session
from rebounce.exporters.part import Part

RANDOM_SEEDS = 20

_LEAST_LEVEL = 1e-6
"""An output that is nothing but zeros has no level to divide by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """How far an output of a file is from the module's: at most, and for choices the share of equal ones at least."""

    file: str
    output: str
    difference: float
    agreement: float = 1.0


def check_parity(part: Part, path: Path, tolerance: float) -> list[Distance]:
    """How far each output of the file at `path` is from the part's module, or a ModelError where it is too far."""
    session = open_session(path, "cpu", threads=1)
    worst: dict[str, Distance] = {}
    for name, inputs in _cases(part):
        expected = run_module(part, inputs)
        found = session.run({key: value.numpy() for key, value in inputs.items()})
        for output in part.outputs:
            distance = _distance(part, output, inputs, (expected[output], found[output]))
            if not distance.difference <= tolerance:  # a NaN is no match either
                raise ModelError(
                    f"{part.file}: expected {output} within {tolerance:g} of what torch computes, found "
                    f"{distance.difference:g} on {name}; the export changes the network: choose another --precision, "
                    "or report the versions of torch and onnxruntime"
                )
            worst[output] = _worse(worst.get(output, distance), distance)
    return list(worst.values())


def run_module(part: Part, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """The module's outputs by their names."""
    with torch.inference_mode():
        made = part.module(*inputs.values(), *part.shared.values())
    values = made if isinstance(made, tuple) else (made,)
    return dict(zip(part.outputs, values, strict=True))


def random_inputs(part: Part, seed: int) -> dict[str, Tensor]:
    """Noise with the level of the example, and codes drawn evenly; the seed decides the size of the batch too."""
    generator = np.random.default_rng(seed)
    batch = 1 + seed % 2
    return {name: _random(part, example, batch, generator) for name, example in part.inputs.items()}


def _cases(part: Part) -> Iterator[tuple[str, dict[str, Tensor]]]:
    yield "the example", part.inputs
    for seed in range(RANDOM_SEEDS):
        yield f"random seed {seed}", random_inputs(part, seed)


def _random(part: Part, example: Tensor, batch: int, generator: np.random.Generator) -> Tensor:
    shape = (batch, *example.shape[1:])
    if not example.is_floating_point():
        return torch.from_numpy(generator.integers(0, part.codes_below, shape))
    return torch.from_numpy(generator.standard_normal(shape, dtype=np.float32)) * example.std()


def _distance(part: Part, output: str, inputs: dict[str, Tensor], pair: tuple[Tensor, Array]) -> Distance:
    expected, found = pair[0], torch.from_numpy(pair[1])
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return Distance(file=part.file, output=output, difference=float("inf"))
    if expected.is_floating_point():
        difference = float((found - expected).abs().max() / expected.square().mean().sqrt().clamp(min=_LEAST_LEVEL))
        return Distance(file=part.file, output=output, difference=difference)
    agreement = float((found == expected).float().mean())
    if agreement == 1.0:
        return Distance(file=part.file, output=output, difference=0.0)
    with torch.inference_mode():
        gap = float(part.gaps[output](inputs, expected, found).max()) if output in part.gaps else float("inf")
    # Below zero where the file chose better; a NaN stays one.
    return Distance(file=part.file, output=output, difference=gap if not gap < 0 else 0.0, agreement=agreement)


def _worse(one: Distance, other: Distance) -> Distance:
    return Distance(
        file=one.file,
        output=one.output,
        difference=max(one.difference, other.difference),
        agreement=min(one.agreement, other.agreement),
    )

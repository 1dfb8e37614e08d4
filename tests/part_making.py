"""Small networks as parts of a package, for tests of how parts become files."""

from typing import Any

import torch
from torch import Tensor, nn

from rebounce.exporters.part import Part

FRAMES = 64


class Filters(nn.Module):
    """Convolutions down and up again, and a matrix: what networks here are made of."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv1d(2, 32, 8, stride=4, padding=2)
        self.middle = nn.Linear(32, 32)
        self.up = nn.ConvTranspose1d(32, 2, 8, stride=4, padding=2)

    def forward(self, audio: Tensor) -> Tensor:
        features = nn.functional.elu(self.down(audio))
        made: Tensor = self.up(self.middle(features.transpose(1, 2)).transpose(1, 2))
        return made


def filters(seed: int = 0) -> nn.Module:
    """A network of `Filters` with weights of its own."""
    module: nn.Module = seeded(Filters, seed)
    return module


def seeded(make: Any, seed: int = 0) -> Any:
    """A network ready to run, its weights drawn from the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = make()
    return module.eval().requires_grad_(False)


def part_of(module: nn.Module, **others: Any) -> Part:
    """A part that takes and gives stereo audio."""
    made: dict[str, Any] = {"file": "filters.onnx", "outputs": ("made",), "tolerance": 1e-4, **others}
    return Part(module=module, inputs=made.pop("inputs", {"audio": noise()}), **made)


def noise(batch: int = 2, seed: int = 1) -> Tensor:
    """Stereo noise `(batch, 2, FRAMES)`."""
    return torch.randn(batch, 2, FRAMES, generator=torch.Generator().manual_seed(seed))

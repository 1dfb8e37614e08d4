"""Tokens and networks that tests share: small shapes, and weights of which none is zero."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from rebounce.training.networks.interface import Prediction, TokenNetwork, TokenShape
from rebounce.training.networks.network import Network

Kind = TypeVar("Kind", bound=Network)
SHAPE = TokenShape(codebooks=4, codebook_size=16, latent_dimension=6, window_tokens=32)
PARTS = ("logits", "mask_logits", "latent_change", "level", "compression", "stereo", "perceptual")
OF_EACH_TOKEN = PARTS[:3]


def drawn_tokens(batch: int, tokens: int, shape: TokenShape = SHAPE, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Codes and latents of that many windows, drawn evenly."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(shape.codebook_size, (batch, shape.codebooks, tokens), generator=generator)
    return codes, torch.randn(batch, shape.latent_dimension, tokens, generator=generator)


def shaken(network: Kind, seed: int = 0, by: float = 0.05) -> Kind:
    """The network with something added to each of its weights, so that nothing is zero that starts as zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.add_(by * torch.randn(parameter.shape, generator=generator))
            if name.endswith("table.weight"):
                parameter[-1] = 0  # what stands for PAD
    return network.eval()


def trained_step(network: TokenNetwork, codes: Tensor, latents: Tensor, optimiser: torch.optim.Optimizer) -> None:
    """One step towards tokens, a mask and figures drawn for the purpose."""
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss_of(network(codes, latents), codes))
    optimiser.step()


def loss_of(prediction: Prediction, codes: Tensor) -> Tensor:
    """A loss that hears of every part of a prediction."""
    generator = torch.Generator().manual_seed(1)
    loss = functional.cross_entropy(prediction.logits, codes.roll(1, 2).clamp(min=0))
    for name in PARTS[1:]:
        said: Tensor = getattr(prediction, name)
        loss = loss + (said - torch.randn(said.shape, generator=generator)).square().mean()
    return loss


def unmoved(network: nn.Module) -> list[str]:
    """The parameters that had no part in the last backward pass, or none that can be seen."""
    return [name for name, found in network.named_parameters() if found.grad is None or not found.grad.any()]

"""What the full-rate path is worth: a small ablation on tokens shifted by a fixed amount in each codebook.

Undoing the shift needs nothing but the token itself, so that whatever a network misses it has lost on the way. Six
codebooks make the halved rates of the tiny size a narrow place; two pass through them whole in any wiring.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.ablation_networks import PublishedUNet, PublishedWithInput
from benchmarks.measure import Figure
from rebounce.training.networks.interface import TokenShape
from rebounce.training.networks.token_unet import SIZES, TokenUNet

SHAPE = TokenShape(codebooks=6, codebook_size=8, latent_dimension=0, window_tokens=32)
WIRINGS = {"ours": TokenUNet, "published": PublishedUNet, "published with input": PublishedWithInput}
SEEDS = (0, 1, 2)
WINDOWS, HELD_OUT = 64, 64
STEPS, BATCH, RATE = 300, 16, 1e-2


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Shares of tokens that came out right, percent."""

    train: float
    held_out: float


def held_out_accuracy() -> Figure:
    """All three wirings."""
    return _figure("undo a fixed token shift, held-out accuracy", WINDOWS, 90)


def held_out_accuracy_from_half() -> Figure:
    """Where there is little to learn from, it is easier to learn it by heart."""
    return _figure("the same, from half as many windows", WINDOWS // 2, None)


def _figure(name: str, windows: int, target: float | None) -> Figure:
    found = {wiring: [_accuracy(wiring, windows, seed) for seed in SEEDS] for wiring in WIRINGS}
    medians = {wiring: statistics.median(each.held_out for each in runs) for wiring, runs in found.items()}
    return Figure(
        name=name,
        ours=f"token U-Net, tiny, {windows} windows of 32 tokens in 6 codebooks of 8, median of {len(SEEDS)} seeds",
        rival=f"wired as published: {medians['published']:.1f}%; with the input's features added before the heads: "
        f"{medians['published with input']:.1f}%; chance: {100 / SHAPE.codebook_size:g}%",
        value=medians["ours"],
        unit="%",
        target="none" if target is None else f"at least {target:g}%",
        is_reached=target is None or medians["ours"] >= target,
        detail={
            "train": {wiring: [round(each.train, 1) for each in runs] for wiring, runs in found.items()},
            "held_out": {wiring: [round(each.held_out, 1) for each in runs] for wiring, runs in found.items()},
            "parameters": {wiring: _network(wiring, 0).parameter_count() for wiring in WIRINGS},
        },
    )


@cache
def _accuracy(wiring: str, windows: int, seed: int) -> Accuracy:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(seed)
    train, held_out = (_damaged(count, generator) for count in (windows, HELD_OUT))
    network = _network(wiring, seed)
    _train(network, train, generator)
    return Accuracy(train=_share_right(network, train), held_out=_share_right(network, held_out))


def _network(wiring: str, seed: int) -> TokenUNet:
    torch.manual_seed(seed)
    make: Callable[..., TokenUNet] = WIRINGS[wiring]
    return make(SIZES["tiny"], SHAPE)


def _damaged(windows: int, generator: torch.Generator) -> Tensor:
    return torch.randint(SHAPE.codebook_size, (windows, SHAPE.codebooks, SHAPE.window_tokens), generator=generator)


def _clean(damaged: Tensor) -> Tensor:
    """Each codebook is shifted by its own amount, none of them by nothing."""
    shifts = torch.arange(1, SHAPE.codebooks + 1)[:, None]
    return (damaged + shifts) % SHAPE.codebook_size


def _train(network: TokenUNet, damaged: Tensor, generator: torch.Generator) -> None:
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    network.train()
    for _ in range(STEPS):
        batch = damaged[torch.randint(len(damaged), (BATCH,), generator=generator)]
        loss = functional.cross_entropy(_logits(network, batch), _clean(batch))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


@torch.no_grad()
def _share_right(network: TokenUNet, damaged: Tensor) -> float:
    network.eval()
    return 100 * float((_logits(network, damaged).argmax(1) == _clean(damaged)).float().mean())


def _logits(network: TokenUNet, damaged: Tensor) -> Tensor:
    return network(damaged, torch.zeros(len(damaged), 0, SHAPE.window_tokens)).logits


FIGURES = (held_out_accuracy, held_out_accuracy_from_half)

"""How a network does on windows that it does not learn from."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import torch
from torch import Tensor

from rebounce.training.bundle_loader import collate
from rebounce.training.dataset import BundleDataset, Sample
from rebounce.training.losses.registry import loss_terms, weighted_sum
from rebounce.training.losses.targets import Targets, targets_of
from rebounce.training.networks.interface import Prediction
from rebounce.training.trainer.device import summed
from rebounce.training.trainer.state import TOKEN_SCORES, Scores
from rebounce.training.trainer.training import Training
from rebounce.training.trainer.windows import in_order, item_loader


@torch.no_grad()
def validate(training: Training, dataset: BundleDataset, weights: Mapping[str, float]) -> Scores:
    """The weighted loss, its terms and the token scores: means over all tokens of the windows of epoch 0."""
    training.network.eval()
    training.network.says_tokens = True  # how many of them are right is told in any case
    names = ("loss", *weights, *TOKEN_SCORES)
    sums = torch.zeros(len(names) + 1, device=training.fabric.device, dtype=torch.float64)
    loader = item_loader(dataset, items=1, seed=0, is_shuffled=False)
    shown = in_order(loader, training.config.data.clean_share)
    for windows in batched(shown, training.progress.batch.windows):
        targets = targets_of(collate(windows), training.space, training.network.shape.window_tokens)
        with training.fabric.autocast():
            prediction = training.network(targets.damaged_codes, targets.damaged_latents)
        tokens = targets.is_token.sum()
        sums += torch.stack([*_figures(training, prediction, targets, weights), tokens.new_ones(())]) * tokens
    *totals, count = summed(training.fabric, sums)
    return {name: total / count for name, total in zip(names, totals, strict=True)}


def batched(windows: Iterable[Sample], size: int) -> Iterator[list[Sample]]:
    """So many at a time, the last ones fewer."""
    rest = iter(windows)
    while batch := list(islice(rest, size)):
        yield batch


def _figures(
    training: Training, prediction: Prediction, targets: Targets, weights: Mapping[str, float]
) -> Iterator[Tensor]:
    """The loss, its terms and the token scores of a batch."""
    terms = loss_terms(prediction, targets, tuple(weights), training.decoder)
    yield weighted_sum(terms, weights).double()
    yield from (term.double() for term in terms.values())
    is_token = targets.is_token[:, None].expand_as(targets.clean_codes)
    for codes in (prediction.logits.argmax(1), targets.damaged_codes):
        yield (codes == targets.clean_codes)[is_token].double().mean()

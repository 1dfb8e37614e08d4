"""What all token networks have beside their `forward`."""

from torch import nn

from rebounce.engine.errors import ConfigError
from rebounce.training.networks.interface import TokenShape


class Network(nn.Module):
    """A token network for tokens of one shape.

    `use_bottleneck`, `use_checkpointing` and `says_tokens` may be set at any time and are not in the state dict; a
    network without a bottleneck, or with too little to be worth checkpoints, goes by neither. One that need not say
    tokens may leave its logits empty, which is more than half of the light U-Net's work in a step.
    """

    use_bottleneck: bool = False
    use_checkpointing: bool = False
    says_tokens: bool = True

    def __init__(self, shape: TokenShape) -> None:
        super().__init__()
        self.shape = shape

    def set_dropout(self, share: float) -> None:
        """The share of values that every dropout of the network sets to zero in training."""
        if not 0 <= share < 1:
            raise ConfigError(f"dropout: expected a share of at least 0 and under 1, found {share!r}")
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p = share

    def parameter_count(self) -> int:
        """How many numbers are learned, as the network is set."""
        return sum(parameter.numel() for parameter in self.parameters())

"""The token networks by name: one line each."""

from collections.abc import Callable

from rebounce.engine.errors import ConfigError
from rebounce.training.networks.copy import CopyNetwork
from rebounce.training.networks.frequency import FrequencyNetwork
from rebounce.training.networks.interface import TokenShape
from rebounce.training.networks.network import Network
from rebounce.training.networks.token_unet import SIZES, TokenUNet, TokenUNetSize
from rebounce.training.networks.unet_1d import UNet1d

NETWORKS: dict[str, Callable[[TokenUNetSize, TokenShape], Network]] = {
    "token-unet": TokenUNet,
    "copy": lambda size, shape: CopyNetwork(shape),
    "frequency": lambda size, shape: FrequencyNetwork(shape),
    "unet-1d": UNet1d,
}
"""Each is made of a size and the tokens' shape; baselines without a size are the same for all."""


def make_network(kind: str, size: str, shape: TokenShape) -> Network:
    """A network with fresh weights, drawn from torch's own generator."""
    if kind not in NETWORKS:
        raise ConfigError(f"network: expected one of {', '.join(NETWORKS)}, found {kind!r}")
    if size not in SIZES:
        raise ConfigError(f"size of a network: expected one of {', '.join(SIZES)}, found {size!r}")
    return NETWORKS[kind](SIZES[size], shape)

"""EnCodec's 48 kHz model as the losses take a codec: the same decoder and codebooks that `EncodecCodec` codes with."""

import torch
from torch import Tensor, nn

from rebounce.training.encodec_codec import CODEBOOKS_OF_KBPS
from rebounce.training.encodec_weights import State, load_model


class EncodecParts:
    """A `TorchCodec` made from a state dict; of the codebooks there are those of the bit-rate."""

    def __init__(self, state: State, bandwidth_kbps: float = 24.0, source: str = "weights") -> None:
        model = load_model(state, source)
        self.decoder: nn.Module = model.decoder
        layers = model.quantizer.vq.layers[: CODEBOOKS_OF_KBPS[bandwidth_kbps]]
        self._codebooks = torch.stack([layer.codebook for layer in layers])

    def codebooks(self) -> Tensor:
        """All entries: `(codebooks, codebook_size, dimension)`."""
        return self._codebooks

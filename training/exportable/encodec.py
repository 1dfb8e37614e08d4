"""The encodec package's 48 kHz stereo model, at 24 kbps, as the plan of a codec package."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rebounce.engine.window_scale import Scaling
from rebounce.exporters.package import PackagePlan
from rebounce.training.encodec_codec import EncodecCodec
from rebounce.training.encodec_weights import load_model
from rebounce.training.exportable.codec_parts import Codec, codec_plan
from rebounce.training.exportable.request import Request, Window

LEVEL_FLOOR = 1e-8
"""The package's own."""


class WholeNorm(nn.Module):
    """A group norm of one group, counted over time first and over the channels after that.

    ONNX Runtime's own, on the CPU, adds up a million numbers one after another in float32: measured on random weights,
    latents are then 8e-4 of their level off, and 4e-6 so, in the same time.
    """

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, features: Tensor) -> Tensor:
        wide = features.float()  # squares of half floats overflow
        centred = wide - _mean(wide)
        normal = centred * torch.rsqrt(_mean(centred.square()) + self.eps)
        return normal.to(features.dtype) * self.weight[:, None] + self.bias[:, None]


def plan(state: Mapping[str, Any], request: Request) -> PackagePlan:
    """The package of a state dict under the encodec package's own names."""
    model = load_model(dict(state), "weights")
    framing = EncodecCodec.framing
    codec = Codec(
        encoder=with_whole_norms(model.encoder),
        decoder=with_whole_norms(model.decoder),
        codebooks=torch.stack([layer.codebook for layer in model.quantizer.vq.layers]),
        hop_frames=framing.hop_frames,
        stride_frames=framing.stride_frames,
    )
    window = Window(frames=framing.segment_frames, scaling=Scaling(kind="mono-rms", floor=LEVEL_FLOOR))
    return codec_plan(codec, window, request)


def with_whole_norms(module: nn.Module) -> nn.Module:
    """The module itself, each of its group norms replaced; it computes what it did."""
    for name, child in module.named_children():
        if isinstance(child, nn.GroupNorm):
            assert child.num_groups == 1, "the package's norm takes all channels together"
            module.add_module(name, WholeNorm(child))
        else:
            with_whole_norms(child)
    return module


def _mean(features: Tensor) -> Tensor:
    """Over channels and time: `(batch, 1, 1)`."""
    return features.mean(2, keepdim=True).mean(1, keepdim=True)

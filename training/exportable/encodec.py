"""The encodec package's 48 kHz stereo model, at 24 kbps, as the plan of a codec package."""

from collections.abc import Mapping
from typing import Any

import torch

from rebounce.engine.window_scale import Scaling
from rebounce.exporters.package import PackagePlan
from rebounce.training.encodec_codec import EncodecCodec
from rebounce.training.encodec_weights import load_model
from rebounce.training.exportable.codec_parts import Codec, codec_plan
from rebounce.training.exportable.request import Request, Window

LEVEL_FLOOR = 1e-8
"""The package's own."""


def plan(state: Mapping[str, Any], request: Request) -> PackagePlan:
    """The package of a state dict under the encodec package's own names."""
    model = load_model(dict(state), "weights")
    framing = EncodecCodec.framing
    codec = Codec(
        encoder=model.encoder,
        decoder=model.decoder,
        codebooks=torch.stack([layer.codebook for layer in model.quantizer.vq.layers]),
        hop_frames=framing.hop_frames,
        stride_frames=framing.stride_frames,
    )
    window = Window(frames=framing.segment_frames, scaling=Scaling(kind="mono-rms", floor=LEVEL_FLOOR))
    return codec_plan(codec, window, request)

"""Every token network as the plan of a restorer's package: the codec it was trained with, and `unet.onnx`."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rebounce.engine.codec_models import open_codec_models
from rebounce.engine.codec_settings import TOKEN_RESTORER, CodecSettings, codec_settings
from rebounce.engine.errors import CheckpointError, ConfigError, ModelError, UsageError
from rebounce.engine.token_models import LATENTS
from rebounce.exporters.package import PackagePlan
from rebounce.exporters.part import Part
from rebounce.presets.latent_kinds import ENCODED, OF_CODES
from rebounce.training.exportable.codec_parts import scaled_windows
from rebounce.training.exportable.request import Request, Window, first_reason, manifest_of
from rebounce.training.networks.interface import TokenNetwork, TokenShape
from rebounce.training.networks.registry import make_network

FILE = "unet.onnx"
OUTPUTS = ("clean_codes", "confidence", "mask", "latent_change", "level", "compression", "stereo", "perceptual")

TOLERANCE = 1e-4
"""Of the output's level: twenty times what float32 loses on the way through `light` and `small` (4e-6, measured);
`paper` stays within it too."""


class Restorer(nn.Module):
    """A token network as it runs: its choice of tokens and how sure it is, in place of logits.

    Logits are a thousand numbers to a token: choosing in the file keeps them out of every transfer.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, codes: Tensor, latents: Tensor) -> tuple[Tensor, ...]:
        said = self.network(codes, latents)
        # The entries last and topk in place of argmax: choosing along the first axis took ONNX Runtime 70
        # of the light U-Net's 85 ms a window, and takes 8 so.
        logits = said.logits.permute(0, 2, 3, 1)
        choice = (logits.topk(1).indices[..., 0], logits.softmax(-1).amax(-1))
        figures = (said.level, said.compression, said.stereo, said.perceptual)
        return *choice, torch.sigmoid(said.mask_logits), said.latent_change, *figures


def plan(state: Mapping[str, Any], request: Request) -> PackagePlan:
    """The package of a checkpoint of `rebounce train`, with the codec of `request.codec`."""
    return plan_of(_network(state), state["codec_id"], request, _latents_seen(state["config"]))


def plan_of(network: TokenNetwork, codec_id: str, request: Request, latents: str = OF_CODES) -> PackagePlan:
    """The package of a network that was trained on tokens of the codec `codec_id`, and saw latents of that kind."""
    if request.codec is None:
        raise UsageError(f"export: a token network runs beside its codec: name the package of {codec_id} with --codec")
    codec = codec_settings(request.codec)
    if codec.codec_id != codec_id:
        raise ModelError(
            f"{request.codec.folder.name}: a package whose codec differs from the U-Net's: expected {codec_id}, which "
            f"the network was trained with, found {codec.codec_id}; name another with --codec"
        )
    _check_shape(network.shape, codec)
    window = Window(
        frames=codec.window_frames,
        scaling=codec.scaling,
        sample_rate_hz=codec.sample_rate_hz,
        channels=codec.channels,
    )
    settings = {**request.codec.manifest.settings, "codec_id": codec_id, "unet_codec_id": codec_id, LATENTS: latents}
    return PackagePlan(
        manifest=manifest_of(request, TOKEN_RESTORER, window),
        parts=(_part(network, _example(request, codec, latents)),),
        settings=lambda files: dict(settings),
        carried=request.codec,
    )


def _network(state: Mapping[str, Any]) -> Any:
    """The network with the checkpoint's weights, which it shares: there may be no room for them twice."""
    try:
        with torch.device("meta"):
            network = make_network(state["kind"], state["size"], TokenShape(**state["shape"]))
        network.load_state_dict(state["model"], assign=True)
    except (ConfigError, RuntimeError, TypeError) as error:
        raise CheckpointError(
            f"checkpoint: expected the weights of {state['kind']} {state['size']}, found others "
            f"({first_reason(error)}); it was written by another version of rebounce"
        ) from error
    # Nothing where it was never trained, and so right for every stage; it is not told in the state dict.
    network.use_bottleneck = True
    return network.eval().requires_grad_(False)


def _latents_seen(config: Mapping[str, Any]) -> str:
    """Which latents the network was trained on, as the config of its training says."""
    data = config.get("data")
    found = data.get(LATENTS) if isinstance(data, Mapping) else None
    if found not in (OF_CODES, ENCODED):
        raise CheckpointError(
            f"checkpoint: expected data.{LATENTS} = {OF_CODES!r} or {ENCODED!r} in its config, found {found!r}; "
            "it was written by another version of rebounce"
        )
    return str(found)


def _check_shape(shape: TokenShape, codec: CodecSettings) -> None:
    expected = TokenShape(
        codebooks=codec.codebooks,
        codebook_size=codec.codebook_size,
        latent_dimension=codec.latent_dimension,
        window_tokens=codec.window_tokens,
    )
    if shape != expected:
        raise CheckpointError(
            f"checkpoint: expected a network for the tokens of {codec.codec_id}, {asdict(expected)}, "
            f"found one for {asdict(shape)}; train it on bundles of this codec"
        )


def _example(request: Request, codec: CodecSettings, latents: str) -> dict[str, Tensor]:
    """Tokens and latents of the request's music, as the codec's own files make them."""
    assert request.codec is not None, "checked before"
    models = open_codec_models(request.codec, device="cpu")
    windows = scaled_windows(request.music[: codec.channels], codec.window_frames, codec.scaling)
    encoded = models.encode(windows.numpy())
    codes = models.quantise(encoded)
    seen = encoded if latents == ENCODED else models.lookup(codes)
    return {"codes": torch.from_numpy(np.array(codes)), LATENTS: torch.from_numpy(np.array(seen))}


def _part(network: Any, example: dict[str, Tensor]) -> Part:
    def gaps(inputs: Mapping[str, Tensor], expected: Tensor, found: Tensor) -> Tensor:
        """By how much lower the logits of the file's choices are, as a part of the logits' level."""
        logits = network(inputs["codes"], inputs["latents"]).logits
        chosen = [logits.gather(1, codes[:, None])[:, 0] for codes in (expected, found)]
        gap: Tensor = (chosen[0] - chosen[1]) / logits.square().mean().sqrt()
        return gap

    return Part(
        file=FILE,
        module=Restorer(network).eval(),
        inputs=example,
        outputs=OUTPUTS,
        tolerance=TOLERANCE,
        gaps={"clean_codes": gaps},
        codes_below=network.shape.codebook_size,
    )

"""The light codec as the plan of a codec package."""

from collections.abc import Mapping
from typing import Any

from rebounce.engine.errors import CheckpointError
from rebounce.engine.window_scale import Scaling
from rebounce.exporters.package import PackagePlan
from rebounce.training.codec_run import QUANTISED
from rebounce.training.codec_training import LEVEL_FLOOR
from rebounce.training.exportable.codec_parts import Codec, codec_plan
from rebounce.training.exportable.request import Request, Window, first_reason
from rebounce.training.networks.light_codec import CodecSize, LightCodec


def plan(state: Mapping[str, Any], request: Request) -> PackagePlan:
    """The package of a checkpoint of the codec's training."""
    if state["stage"] != QUANTISED:
        raise CheckpointError(
            f"checkpoint: expected a codec with codebooks, found one at step {state['step']}, before the quantiser had "
            "its turn; train on, then export"
        )
    try:
        model = LightCodec(CodecSize(**{**state["size"], "ratios": tuple(state["size"]["ratios"])}))
        model.load_state_dict(state["model"])
        window_tokens = state["shape"]["window_tokens"]
    except (RuntimeError, LookupError, TypeError) as error:
        raise CheckpointError(
            f"checkpoint: expected the weights of a light codec of the size {state['size']}, found others "
            f"({first_reason(error)}); it was written by another version of rebounce"
        ) from error
    return plan_of(model, window_tokens, request)


def plan_of(model: LightCodec, window_tokens: int, request: Request) -> PackagePlan:
    """The package of a codec; the model is used up: weight norm is folded into its weights."""
    hop_frames = model.size.hop_frames
    window = Window(
        frames=window_tokens * hop_frames,
        scaling=Scaling(kind="both-rms", floor=LEVEL_FLOOR),
        channels=model.size.channels,
    )
    codec = Codec(
        encoder=model.encoder,
        decoder=model.decoder,
        codebooks=model.codebooks(),
        hop_frames=hop_frames,
        stride_frames=window.hop_frames,
    )
    return codec_plan(codec, window, request)

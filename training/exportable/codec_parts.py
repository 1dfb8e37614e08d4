"""What every codec of an encoder, codebooks and a decoder has in common when it becomes the files of a package."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import remove_weight_norm

from rebounce.engine.audio import Audio
from rebounce.engine.checked_table import Scalar
from rebounce.engine.codec_settings import (
    CODEBOOKS,
    CODEC,
    DECODER,
    ENCODER,
    LOOKUP,
    QUANTISER,
    codec_id,
    weights_sha256,
)
from rebounce.engine.window_scale import Scaling
from rebounce.exporters.package import PackagePlan
from rebounce.exporters.part import Part
from rebounce.training.exportable.request import Request, Window, manifest_of

TOLERANCE = 1e-4
"""Of the output's level: two orders above what summing in another order changes in float32 (1e-6, measured), and far
below what one weight tensor that is 1% off does (3e-3 and more)."""

NEAR_TIE = 1e-5
"""Of the squared length of what is left to quantise: two entries whose distances differ by less are as good."""

WINDOWS = 4
"""Of music, on which a package is compared with torch."""

_SHARED = CODEBOOKS.removesuffix(".bin")


class Quantiser(nn.Module):
    """Latents to codes: at each stage the entry nearest to what the stages before it left, the first of equals."""

    def forward(self, latents: Tensor, codebooks: Tensor) -> Tensor:
        rest = latents.transpose(1, 2)
        codes = []
        for book in codebooks.float().unbind(0):
            nearest = _nearness(rest, book).argmax(-1)
            rest = rest - functional.embedding(nearest, book)
            codes.append(nearest)
        return torch.stack(codes, 1)


class Lookup(nn.Module):
    """Codes to latents: the sum of their entries."""

    def forward(self, codes: Tensor, codebooks: Tensor) -> Tensor:
        books = codebooks.float().unbind(0)
        total = functional.embedding(codes[:, 0], books[0])
        for stage, book in enumerate(books[1:], 1):
            total = total + functional.embedding(codes[:, stage], book)
        return total.transpose(1, 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Codec:
    """A codec in torch: audio `(batch, channels, frames)` to latents `(batch, dimension, tokens)` and back.

    `codebooks` are all entries, `(codebooks, codebook_size, dimension)`; tokens for training are made of segments that
    begin every `stride_frames`.
    """

    encoder: nn.Module
    decoder: nn.Module
    codebooks: Tensor
    hop_frames: int
    stride_frames: int


def codec_plan(codec: Codec, window: Window, request: Request) -> PackagePlan:
    """The package of a codec; its modules are used up: weight norm is folded into their weights."""
    windows = scaled_windows(request.music[: window.channels], window.frames, window.scaling)
    codebooks, codebook_size, dimension = codec.codebooks.shape

    def settings(files: Mapping[str, str]) -> dict[str, Scalar]:
        return {
            "codec_id": codec_id(request.name, weights_sha256(files)),
            "codebooks": codebooks,
            "codebook_size": codebook_size,
            "latent_dimension": dimension,
            "hop_frames_per_token": codec.hop_frames,
            "stride_frames": codec.stride_frames,
        }

    return PackagePlan(
        manifest=manifest_of(request, CODEC, window),
        parts=codec_parts(codec.encoder, codec.decoder, codec.codebooks, windows),
        settings=settings,
    )


def codec_parts(encoder: nn.Module, decoder: nn.Module, codebooks: Tensor, windows: Tensor) -> tuple[Part, ...]:
    """The four files of a codec; `windows` `(2 or more, channels, frames)` are music divided by its scale.

    The codebooks are rounded to float16, in the files and for all that is compared with them: half the size, at an
    error that is a thousandth of the quantiser's own.
    """
    for module in (encoder, decoder):
        fold_weight_norm(module.eval().requires_grad_(False))
    shared = {_SHARED: codebooks.detach().to(torch.float16)}
    quantiser, lookup = Quantiser().eval(), Lookup().eval()
    with torch.inference_mode():
        latents = encoder(windows)
        codes = quantiser(latents, **shared)
        quantised = lookup(codes, **shared)
        clear = _clearest(latents, codes, shared[_SHARED])
    # Copies: tensors made in inference mode may not be traced.
    latents, codes, quantised, clear = latents.clone(), codes.clone(), quantised.clone(), clear.clone()
    return (
        Part(file=ENCODER, module=encoder, inputs={"audio": windows}, outputs=("latents",), tolerance=TOLERANCE),
        Part(
            file=QUANTISER,
            module=quantiser,
            inputs={"latents": latents},
            outputs=("codes",),
            tolerance=NEAR_TIE,
            shared=shared,
            gaps={"codes": _gaps_with(shared[_SHARED])},
            golden={"latents": clear},
            is_exact=True,
        ),
        Part(
            file=LOOKUP,
            module=lookup,
            inputs={"codes": codes},
            outputs=("latents",),
            tolerance=TOLERANCE,
            shared=shared,
            codes_below=codebooks.shape[1],
            golden={"codes": codes},
            is_exact=True,
        ),
        Part(file=DECODER, module=decoder, inputs={"latents": quantised}, outputs=("audio",), tolerance=TOLERANCE),
    )


def fold_weight_norm(module: nn.Module) -> None:
    """Give the module's weights what weight norm makes of them, under their plain names; it stays what it computes."""
    for item in module.modules():
        if hasattr(item, "weight_g"):
            remove_weight_norm(item)


def scaled_windows(audio: Audio, window_frames: int, scaling: Scaling) -> Tensor:
    """The first `WINDOWS` windows of `audio` `(channels, frames)`, each divided by its scale; short audio is repeated.

    `(WINDOWS, channels, window_frames)`
    """
    needed = WINDOWS * window_frames
    whole = np.tile(audio, (1, -(-needed // audio.shape[1])))[:, :needed]
    windows = np.split(whole.astype(np.float32), WINDOWS, axis=1)
    return torch.from_numpy(np.stack([window / np.float32(scaling.of(window)) for window in windows]))


def _nearness(rest: Tensor, book: Tensor) -> Tensor:
    """Higher the nearer; what all entries of the book have in common is left out."""
    nearness: Tensor = rest @ book.T - book.square().sum(1) / 2
    return nearness


def _gaps_with(codebooks: Tensor) -> Any:
    """By how much worse the file's entries are than the module's, where the two first part at a token."""

    def gaps(inputs: Mapping[str, Tensor], expected: Tensor, found: Tensor) -> Tensor:
        rest = inputs["latents"].transpose(1, 2).double()
        is_same = torch.ones(rest.shape[:2], dtype=torch.bool)
        worst = torch.zeros(rest.shape[:2], dtype=torch.float64)
        for stage, book in enumerate(codebooks.double().unbind(0)):
            entries = [functional.embedding(codes[:, stage], book) for codes in (expected, found)]
            squares = [(rest - entry).square().sum(-1) for entry in entries]
            differs = is_same & (expected[:, stage] != found[:, stage])
            gap = (squares[1] - squares[0]) / rest.square().sum(-1).clamp(min=1e-12)
            worst = torch.where(differs, torch.maximum(worst, gap), worst)
            is_same &= ~differs
            rest = rest - entries[0]
        return worst

    return gaps


def _clearest(latents: Tensor, codes: Tensor, codebooks: Tensor) -> Tensor:
    """One window made of the eighth of the tokens whose choices are the clearest, at every stage of the quantiser."""
    rest = latents.transpose(1, 2).flatten(0, 1)
    margin = torch.full(rest.shape[:1], torch.inf)
    for stage, book in enumerate(codebooks.float().unbind(0)):
        best = _nearness(rest, book).topk(2, dim=-1).values
        margin = torch.minimum(margin, (best[:, 0] - best[:, 1]) / rest.square().sum(-1).clamp(min=1e-12))
        rest = rest - functional.embedding(codes[:, stage].flatten(), book)
    tokens = latents.shape[2]
    count = -(-tokens // 8)
    chosen = margin.topk(count).indices.repeat(-(-tokens // count))[:tokens]
    return latents.transpose(1, 2).flatten(0, 1)[chosen].T[None].contiguous()

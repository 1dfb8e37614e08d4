"""What a network is to say of the windows of a batch, and what it is shown of them.

A window is one segment of one item: a batch of `(items, segments, ...)` becomes `(windows, ...)`, item after item and
segment after segment, without the segments that only fill an item up. What always holds: every number is finite, for
silence too; where `is_token` is false both sides' codes are `PAD`, their latents zero and the mask 0.
"""

from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from rebounce.engine.tokens import PAD
from rebounce.training.bundle_latents import DAMAGED, SILENCE, WANTED
from rebounce.training.bundle_measures import COLUMNS, SIDE_COLUMNS
from rebounce.training.dataset import Sample
from rebounce.training.losses.token_space import TokenSpace

OF_SEGMENTS = ("codes_clean", "codes_damaged", "is_token", "scales_clean", "scales_damaged", "measures", "latents")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Targets:
    """N windows of K codebooks and T tokens, with latents of D dimensions.

    The network is called with `damaged_codes` int64 `(N, K, T)` and `damaged_latents` `(N, D, T)`. It is judged by
    `clean_codes`, `clean_latents` and `mask` float32 `(N, K, T)`, which is 1 where the clean token differs from the
    damaged one; `clean_latents` are the clean codes', or, of bundles with latents, what the damaged side should be, at
    its own scale; and it is judged by what the clean window has more than the damaged one, as `bundle_measures` says:
    `level` `(N, 2)`: the codec's scale, clean over damaged, dB, and the gain;
    `compression` `(N, 2)`: the swing of the RMS and the crest, dB;
    `stereo` `(N, 2)`: the width, dB, and the correlation;
    `perceptual` `(N, 8)`: the parts of eight bands in the energy, dB.
    These are None where the batch has no measures. `is_token` is bool `(N, T)`; `heard` `(N,)` is the part of a window
    that has tokens, and 0 where a side is silent.
    """

    space: TokenSpace
    clean_codes: Tensor
    damaged_codes: Tensor
    clean_latents: Tensor
    damaged_latents: Tensor
    is_token: Tensor
    mask: Tensor
    heard: Tensor
    level: Tensor | None
    compression: Tensor | None
    stereo: Tensor | None
    perceptual: Tensor | None

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: value.to(device) for name, value in values.items() if value is not None})


def targets_of(batch: Sample, space: TokenSpace, window_tokens: int | None = None) -> Targets:
    """The targets of a batch, or of one item, on the device of `space`.

    Windows are filled up with `PAD` to `window_tokens`, where it is given, so that a network sees one length only.
    """
    windows = _windows(batch, space.entries.device)
    is_token = _filled(windows["is_token"], window_tokens, False)
    clean, damaged = (_filled(windows[f"codes_{side}"], window_tokens, PAD) for side in ("clean", "damaged"))
    is_silent = torch.minimum(windows["scales_clean"], windows["scales_damaged"]) < SILENCE
    heads = _differences(windows) if "measures" in windows else {}
    clean_latents, damaged_latents = _latents(windows, space, (clean, damaged))
    return Targets(
        space=space,
        clean_codes=clean,
        damaged_codes=damaged,
        clean_latents=clean_latents,
        damaged_latents=damaged_latents,
        is_token=is_token,
        mask=(clean != damaged).float(),
        heard=is_token.float().mean(1) * ~is_silent,
        level=heads.get("level"),
        compression=heads.get("compression"),
        stereo=heads.get("stereo"),
        perceptual=heads.get("perceptual"),
    )


def _windows(batch: Sample, device: torch.device) -> Sample:
    """What belongs to single segments, `(windows, ...)`, of those that have a token."""
    is_batch = batch["is_token"].ndim == 3
    has_token = batch["is_token"].any(-1).flatten()
    found = {name: batch[name].flatten(0, 1) if is_batch else batch[name] for name in OF_SEGMENTS if name in batch}
    return {name: values[has_token].to(device, non_blocking=True) for name, values in found.items()}


def _latents(windows: Sample, space: TokenSpace, codes: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Those of the clean and of the damaged side: as the codec gave them, or what the codes stand for."""
    clean, damaged = codes
    if "latents" not in windows:
        return space.latents_of(clean), space.latents_of(damaged)
    sides = _filled(windows["latents"].float(), clean.shape[-1], 0)
    return sides[:, WANTED], sides[:, DAMAGED]


def _filled(values: Tensor, window_tokens: int | None, value: int | bool) -> Tensor:
    missing = 0 if window_tokens is None else window_tokens - values.shape[-1]
    return functional.pad(values, (0, missing), value=value) if missing > 0 else values


def _differences(windows: Sample) -> dict[str, Tensor]:
    """What the heads are to say of each window: the clean side's measures less the damaged side's."""
    measures, sides = windows["measures"], len(SIDE_COLUMNS)
    clean, damaged = measures[:, :sides], measures[:, sides : 2 * sides]
    more = clean - damaged
    scale_db = 20 * torch.log10(_floored(windows["scales_clean"]) / _floored(windows["scales_damaged"]))
    return {
        "level": torch.stack([scale_db, measures[:, COLUMNS.index("gain_db")]], 1),
        "compression": more[:, [SIDE_COLUMNS.index("swing_db"), SIDE_COLUMNS.index("crest_db")]],
        "stereo": more[:, [SIDE_COLUMNS.index("width_db"), SIDE_COLUMNS.index("correlation")]],
        "perceptual": more[:, SIDE_COLUMNS.index("band_0_db") :],
    }


def _floored(scales: Tensor) -> Tensor:
    return scales.clamp(min=SILENCE)

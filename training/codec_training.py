"""The training of the light codec: one loop, from music to weights.

First the encoder and the decoder learn alone, without quantiser. Then the codebooks are set to the means of clusters of
what the encoder gives, one after another, and everything learns together; half of each batch passes the quantiser by,
so that the decoder knows what was quantised and what was not. Everything that is drawn comes from the seed and the
step, so that a run that was cut off goes on to the same numbers.
"""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rebounce.engine.errors import UsageError
from rebounce.training.codec_corpus import Corpus
from rebounce.training.codec_losses import spectral_loss, waveform_loss
from rebounce.training.networks.light_codec import LightCodec

SCHEMA = "rebounce-codec-1"
LEVEL_FLOOR = 1e-5
"""The least level that a window is divided by: -100 dBFS; below it there is no music."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecTraining:
    """How a codec is trained: `steps` in all, the first `plain_steps` of them without the quantiser."""

    steps: int = 12_000
    plain_steps: int = 2_500
    batch: int = 6
    crop_tokens: int = 75
    level_tokens: int = 320
    learning_rate: float = 6e-4
    warm_up_steps: int = 300
    clip: float = 3.0
    commitment: float = 0.1
    spectral: float = 1.0
    dead_share: float = 0.1
    cluster_vectors: int = 24_000
    seed: int = 0


@dataclass(slots=True, kw_only=True)
class Run:
    """One training run: what changes, and where it is kept."""

    settings: CodecTraining
    model: LightCodec
    optimiser: torch.optim.Optimizer
    folder: Path
    step: int = 0


def start_run(settings: CodecTraining, model: LightCodec, folder: Path) -> Run:
    """A run from its beginning, or from the checkpoint in `folder`."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, betas=(0.8, 0.99), weight_decay=1e-4)
    run = Run(settings=settings, model=model, optimiser=optimiser, folder=folder)
    if (folder / "last.pt").exists():
        _resume(run)
    return run


def train_codec(run: Run, corpus: Corpus, tell: Callable[[dict[str, float]], None], save_every: int = 500) -> None:
    """Train to the last step; `tell` gets the losses of each step, and a checkpoint is written every `save_every`."""
    settings = run.settings
    while run.step < settings.steps:
        if run.step == settings.plain_steps:
            _set_codebooks(run, corpus)
        generator = np.random.default_rng((settings.seed, run.step))
        torch.manual_seed(int(generator.integers(2**62)))
        _set_rate(run)
        began = time.perf_counter()
        audio = draw_batch(corpus, settings, run.model.size.hop_frames, generator)
        losses = _losses(run, audio)
        loss = losses["waveform"] + settings.spectral * losses["spectral"] + settings.commitment * losses["commitment"]
        run.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        norm = nn.utils.clip_grad_norm_(run.model.parameters(), settings.clip)
        if torch.isfinite(norm):
            run.optimiser.step()
        run.step += 1
        seconds = time.perf_counter() - began
        tell({"step": run.step, **{k: float(v) for k, v in losses.items()}, "norm": float(norm), "seconds": seconds})
        if run.step % save_every == 0 or run.step == settings.steps:
            save_run(run)


def draw_batch(corpus: Corpus, settings: CodecTraining, hop_frames: int, generator: np.random.Generator) -> Tensor:
    """`(batch, 2, frames)`: pieces of windows, each divided by its window's level, some with their sides changed."""
    frames, window = settings.crop_tokens * hop_frames, settings.level_tokens * hop_frames
    pieces = []
    while len(pieces) < settings.batch:
        whole = corpus.piece(window, generator)
        level = float(np.sqrt(np.mean(whole**2)))
        first = int(generator.integers(window - frames + 1))
        if level > LEVEL_FLOOR:
            piece = whole[:, first : first + frames] / level
            piece = piece[::-1] if generator.random() < 0.5 else piece
            pieces.append(np.ascontiguousarray(piece * np.float32(1 if generator.random() < 0.5 else -1)))
    return torch.from_numpy(np.stack(pieces))


def save_run(run: Run) -> None:
    """Write the checkpoint whole or not at all."""
    run.folder.mkdir(parents=True, exist_ok=True)
    state: dict[str, Any] = {
        "schema": SCHEMA,
        "step": run.step,
        "settings": asdict(run.settings),
        "size": asdict(run.model.size),
        "model": run.model.state_dict(),
        "optimiser": run.optimiser.state_dict(),
    }
    part = run.folder / "last.pt.part"
    torch.save(state, part)
    os.replace(part, run.folder / "last.pt")


def _resume(run: Run) -> None:
    path = run.folder / "last.pt"
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state.get("schema") != SCHEMA or state["settings"] != asdict(run.settings):
        raise UsageError(f"{path}: expected a checkpoint of this codec training, found another; name a new folder")
    run.model.load_state_dict(state["model"])
    run.optimiser.load_state_dict(state["optimiser"])
    run.step = state["step"]
    if run.step > run.settings.plain_steps:
        _expire(run)


def _losses(run: Run, audio: Tensor) -> dict[str, Tensor]:
    model = run.model
    model.train()
    latents = model.encoder(audio)
    commitment = torch.zeros(())
    if run.step >= run.settings.plain_steps:
        half = audio.shape[0] // 2
        quantised, _, per_stage = model.quantiser(latents[:half])
        commitment = per_stage.mean()
        latents = torch.cat([quantised, latents[half:]])
    made = model.decoder(latents)
    return {
        "waveform": waveform_loss(made, audio),
        "spectral": spectral_loss(made, audio),
        "commitment": commitment,
    }


def _set_rate(run: Run) -> None:
    """Up over the first steps, then down along a cosine to a hundredth."""
    settings = run.settings
    warm = min(1.0, (run.step + 1) / settings.warm_up_steps)
    done = run.step / settings.steps
    share = 0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * done))
    for group in run.optimiser.param_groups:
        group["lr"] = settings.learning_rate * warm * share


@torch.no_grad()
def _set_codebooks(run: Run, corpus: Corpus) -> None:
    """Cluster what the encoder gives now, stage after stage on what the stages before it leave."""
    settings, model = run.settings, run.model
    model.eval()
    generator = np.random.default_rng((settings.seed, settings.steps))
    rest = torch.cat(
        [
            model.encoder(draw_batch(corpus, settings, model.size.hop_frames, generator)).transpose(1, 2).flatten(0, 1)
            for _ in range(-(-settings.cluster_vectors // (settings.batch * settings.crop_tokens)))
        ]
    )
    vectors_a_step = settings.batch // 2 * settings.crop_tokens
    for stage in range(model.size.codebooks):
        centres, nearest = cluster(rest, model.size.codebook_size, generator)
        counts = torch.bincount(nearest, minlength=centres.shape[0]) * (vectors_a_step / rest.shape[0])
        model.set_codebook(stage, centres, counts.clamp(min=1e-3))
        rest = rest - centres[nearest]
    _expire(run)


def _expire(run: Run) -> None:
    fair = run.settings.batch // 2 * run.settings.crop_tokens / run.model.size.codebook_size
    run.model.expire_codes_below(run.settings.dead_share * fair)


def cluster(vectors: Tensor, count: int, generator: np.random.Generator, rounds: int = 8) -> tuple[Tensor, Tensor]:
    """Centres `(count, dimension)` by k-means, and for each vector the index of its nearest."""
    chosen = generator.choice(vectors.shape[0], count, replace=vectors.shape[0] < count)
    centres = vectors[torch.from_numpy(chosen)].clone()
    for _ in range(rounds):
        nearest = nearest_of(vectors, centres)
        sums = torch.zeros_like(centres).index_add_(0, nearest, vectors)
        counts = torch.bincount(nearest, minlength=count)
        centres = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], centres)
    return centres, nearest_of(vectors, centres)


def nearest_of(vectors: Tensor, centres: Tensor) -> Tensor:
    """The index of the nearest centre for each vector."""
    half_squares = centres.square().sum(1) / 2
    return torch.cat([(part @ centres.T - half_squares).argmax(1) for part in vectors.split(4096)])

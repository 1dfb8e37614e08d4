"""The training of the light codec: one loop, from music to weights.

First a codec of half the width learns one channel, the middle or the sides of the music, and two of them become one for
both (`networks.side_by_side` says why). That learns on as a whole, still without quantiser. Then the codebooks are set
to the means of clusters of what the encoder gives, one after another, and everything learns together; half of each
batch passes the quantiser by, so that the decoder knows what was quantised and what was not. Everything that is drawn
comes from the seed and the step, so that a run that was cut off goes on to the same numbers.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from rebounce.engine.errors import TrainingError
from rebounce.training.clusters import cluster
from rebounce.training.codec_corpus import Corpus
from rebounce.training.codec_losses import spectral_loss, waveform_loss
from rebounce.training.codec_records import Records
from rebounce.training.codec_run import MONO, QUANTISED, Run, save_run
from rebounce.training.codec_settings import CodecTraining
from rebounce.training.networks.side_by_side import mid_side, unquantised_stereo

LEVEL_FLOOR = 1e-5
"""The least level that a window is divided by: -100 dBFS; below it there is no music."""

MOST_BAD_STEPS = 20
"""So many steps in a row without numbers end a training: the weights are where no more of them come."""

_LAST_RATE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What one step is judged by, and what was quantised in it: latents, and the codes chosen for them."""

    waveform: Tensor
    spectral: Tensor
    commitment: Tensor
    latents: Tensor | None = None
    codes: Tensor | None = None

    def total(self, settings: CodecTraining) -> Tensor:
        return self.waveform + settings.spectral * self.spectral + settings.commitment * self.commitment


def train_codec(run: Run, corpus: Corpus, records: Records, on_step: Callable[[Run], None] = lambda run: None) -> None:
    """Train to the last step; `on_step` is told after each, and checkpoints are written as the settings say."""
    settings = run.settings
    while run.step < settings.steps:
        began = time.perf_counter()
        if run.is_half and run.stage != MONO:
            run.make_whole()
        if run.step == settings.plain_steps:
            _set_codebooks(run, corpus)
        _set_rate(run)
        audio = draw_batch(run, corpus)
        losses = _losses(run, audio)
        norm = _learn(run, losses)
        run.step += 1
        if norm is None:
            _count_bad_step(run, records)
        else:
            run.bad_steps_in_a_row = 0
            moved = _keep_codes_alive(run, losses)
            records.count(run, losses_told(losses), norm, moved, time.perf_counter() - began)
        is_last = run.step == settings.steps
        records.step_done(run, is_last)
        if run.step % settings.save_every_steps == 0 or is_last:
            save_run(run)
        on_step(run)


def draw_batch(run: Run, corpus: Corpus) -> Tensor:
    """`(batch, 2, frames)` of this step: pieces, each divided by its window's level, some with their sides changed."""
    return _drawn(run, corpus, np.random.default_rng((run.settings.seed, run.step)))


def losses_told(losses: Losses) -> dict[str, float]:
    """The losses as numbers."""
    return {name: float(getattr(losses, name).detach()) for name in ("waveform", "spectral", "commitment")}


def _drawn(run: Run, corpus: Corpus, generator: np.random.Generator) -> Tensor:
    settings, hop_frames = run.settings, run.size.hop_frames
    frames, window = settings.crop_tokens * hop_frames, settings.level_tokens * hop_frames
    pieces = []
    for _ in range(settings.batch):
        whole, level = corpus.sounding_piece(window, LEVEL_FLOOR, generator)
        first = int(generator.integers(window - frames + 1))
        piece = whole[:, first : first + frames] / np.float32(level)
        piece = piece[::-1] if generator.random() < 0.5 else piece
        pieces.append(piece * np.float32(1 if generator.random() < 0.5 else -1))
    return torch.from_numpy(np.stack(pieces)).to(run.device)


def _losses(run: Run, audio: Tensor) -> Losses:
    run.model.train()
    if run.stage == QUANTISED:
        return _quantised_losses(run, audio)
    return _judged(unquantised_stereo(run.model, audio), audio)


def _quantised_losses(run: Run, audio: Tensor) -> Losses:
    model, half = run.model, audio.shape[0] // 2
    latents = model.encoder(audio)
    # What is no number must not reach the codebooks, which follow what they see.
    if not torch.isfinite(latents).all():
        return _judged(model.decoder(latents), audio)
    quantised, codes, per_stage = model.quantiser(latents[:half])
    judged = _judged(model.decoder(torch.cat([quantised, latents[half:]])), audio)
    return replace(judged, commitment=per_stage.mean(), latents=latents[:half].detach(), codes=codes)


def _judged(made: Tensor, audio: Tensor) -> Losses:
    """Judged by middle and sides apart: beside the left and the right as they are, the sides would count for little."""
    parts = mid_side(made), mid_side(audio)
    return Losses(
        waveform=waveform_loss(*parts), spectral=spectral_loss(*parts), commitment=torch.zeros((), device=audio.device)
    )


def _learn(run: Run, losses: Losses) -> float | None:
    """One step of the optimiser; the norm of the gradient, or None where it is no number and nothing was learned."""
    run.optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(losses.total(run.settings))
    norm = float(nn.utils.clip_grad_norm_(run.model.parameters(), run.settings.clip))
    if not math.isfinite(norm):
        return None
    run.optimiser.step()
    return norm


def _count_bad_step(run: Run, records: Records) -> None:
    run.bad_steps_in_a_row += 1
    records.bad_step(run)
    if run.bad_steps_in_a_row == MOST_BAD_STEPS:
        raise TrainingError(
            f"step {run.step}: the gradient was no number {MOST_BAD_STEPS} times in a row; the last checkpoint is "
            "kept: begin anew with a lower learning_rate, in another output"
        )


def _keep_codes_alive(run: Run, losses: Losses) -> int:
    """Count which codes were chosen, and give dead ones another place; returns how many there were."""
    if losses.codes is None or losses.latents is None:
        return 0
    size, settings = run.size, run.settings
    chosen = losses.codes.flatten(1).cpu()
    run.counts += torch.stack([torch.bincount(codes, minlength=size.codebook_size) for codes in chosen])
    least = settings.dead_share * settings.vectors_a_step / size.codebook_size
    generator = np.random.default_rng((settings.seed, run.step, 1))
    return run.model.replace_dead_codes(losses.latents, losses.codes, least, generator)


def _set_rate(run: Run) -> None:
    """Up over the first steps of a network, and down along a cosine to a hundredth over all."""
    settings = run.settings
    begun = 0 if run.stage == MONO else settings.mono_steps
    warm = min(1.0, (run.step - begun + 1) / settings.warm_up_steps)
    along = 0.5 * (1 + math.cos(math.pi * run.step / settings.steps))
    for group in run.optimiser.param_groups:
        group["lr"] = settings.learning_rate * warm * (_LAST_RATE + (1 - _LAST_RATE) * along)


@torch.no_grad()
def _set_codebooks(run: Run, corpus: Corpus) -> None:
    """Cluster what the encoder gives now, stage after stage on what the stages before it leave."""
    settings, model = run.settings, run.model
    model.eval()
    generator = np.random.default_rng((settings.seed, settings.steps))
    batches = -(-settings.cluster_vectors // (settings.batch * settings.crop_tokens))
    parts = [model.encoder(_drawn(run, corpus, generator)).transpose(1, 2).flatten(0, 1) for _ in range(batches)]
    rest = torch.cat(parts)
    for stage in range(model.size.codebooks):
        centres, nearest = cluster(rest, model.size.codebook_size, generator)
        shares = torch.bincount(nearest, minlength=centres.shape[0]) / rest.shape[0]
        model.set_codebook(stage, centres, (shares * settings.vectors_a_step).clamp(min=1e-3))
        rest = rest - centres[nearest]

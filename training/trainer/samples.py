"""What a network makes of a few windows of the validation set, to be heard and seen after each epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rebounce.engine.audio import Audio
from rebounce.engine.staging import Staged, output_errors
from rebounce.training.bundle_loader import collate
from rebounce.training.dataset import BundleDataset, Sample
from rebounce.training.losses.comparison import Comparison
from rebounce.training.losses.differentiable_decoder import DifferentiableDecoder
from rebounce.training.trainer.pictures import draw_spectrograms
from rebounce.training.trainer.windows import windows_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Sounds:
    """How one window sounds: each `(channels, frames)`, at the level of the damaged one."""

    damaged: Audio
    restored: Audio
    clean: Audio


def sample_windows(dataset: BundleDataset, count: int) -> list[Sample]:
    """So many windows, the first of items that lie evenly apart; always the same ones."""
    places = np.linspace(0, len(dataset) - 1, min(count, len(dataset)))
    return [windows_of(collate([dataset[round(place)]]))[0] for place in places]


@torch.no_grad()
def sounds_of(
    comparison: Comparison, source: str, scales: Sequence[float], decoder: DifferentiableDecoder
) -> list[Sounds]:
    """A prediction by one of its ways out, and both sides of the windows, decoded; silent where there are no tokens."""
    targets = comparison.targets
    latents = (targets.damaged_latents, comparison.latents_by(source), targets.clean_latents)
    damaged, restored, clean = (_heard(decoder(item), targets.is_token) for item in latents)
    return [
        Sounds(damaged=damaged[window] * scale, restored=restored[window] * scale, clean=clean[window] * scale)
        for window, scale in enumerate(scales)
    ]


def write_sounds(folder: Path, name: str, sounds: Sequence[Sounds], sample_rate_hz: int) -> None:
    """One picture of all of them; each restored window as a WAV file, and the first time its two sides as well."""
    for number, sound in enumerate(sounds, 1):
        for side in ("damaged", "clean"):
            path = folder / f"{number}-{side}.wav"
            if not path.exists():
                _write_wav(path, getattr(sound, side), sample_rate_hz)
        _write_wav(folder / f"{number}-{name}.wav", sound.restored, sample_rate_hz)
    rows = [{"damaged": sound.damaged, "restored": sound.restored, "clean": sound.clean} for sound in sounds]
    draw_spectrograms(folder / f"{name}.png", rows, sample_rate_hz)


def _heard(audio: torch.Tensor, is_token: torch.Tensor) -> Audio:
    hop_frames = audio.shape[-1] // is_token.shape[-1]
    heard: Audio = (audio * is_token.repeat_interleave(hop_frames, 1)[:, None]).float().cpu().numpy()
    return heard


def _write_wav(path: Path, audio: Audio, sample_rate_hz: int) -> None:
    import soundfile

    with Staged(path, replaces=True) as staged:
        with output_errors(path):
            soundfile.write(staged.file, audio.T, sample_rate_hz, format="WAV", subtype="FLOAT")
        staged.publish()

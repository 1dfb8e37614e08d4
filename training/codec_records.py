"""What is kept and told of a codec's training: a row of losses, a row of validation, and a sentence for each."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rebounce.training.codec_run import Run
from rebounce.training.codec_validation import Validation, validated
from rebounce.training.scores.tokens import perplexities, used_shares
from rebounce.training.step_log import StepLog

LOG_NAME, VALIDATION_NAME = "log.csv", "validation.csv"
LOSSES = ("waveform", "spectral", "commitment")
OF_A_STEP = (*LOSSES, "gradient_norm", "moved_codes", "seconds")
"""Means over the steps since the last row, of those that were learned from."""

SCORES = (
    *(f"{score}_{way}" for way in ("quantised", "unquantised") for score in ("si_sdr_db", "log_spectral_distance_db")),
    *("mid_snr_db", "side_snr_db"),
)


class Records:
    """The tables of one run in its folder, and what is told while it goes on."""

    def __init__(
        self, run: Run, windows: NDArray[np.float32] | None, sample_rate_hz: int, say: Callable[[str], None]
    ) -> None:
        """`windows` of held-out music to validate with; None where nothing is held out."""
        books = range(1, run.size.codebooks + 1)
        use = [f"{what}_{book}" for what in ("perplexity", "used") for book in books]
        self._log = StepLog(run.folder / LOG_NAME, ("learning_rate", *OF_A_STEP, "bad_steps"), run.step)
        self._validations = StepLog(run.folder / VALIDATION_NAME, (*SCORES, *use), run.step)
        self._windows = windows
        self._sample_rate_hz = sample_rate_hz
        self._say = say

    def count(self, run: Run, losses: dict[str, float], norm: float, moved: int, seconds: float) -> None:
        """One step that was learned from."""
        found = {**losses, "gradient_norm": norm, "moved_codes": moved, "seconds": seconds, "steps": 1}
        for name, value in found.items():
            run.sums[name] = run.sums.get(name, 0.0) + value

    def bad_step(self, run: Run) -> None:
        """One step whose gradient was no number."""
        run.sums["bad_steps"] = run.sums.get("bad_steps", 0.0) + 1
        self._say(f"step {run.step}: the gradient is no number (NaN or infinity); nothing is learned from this step")

    def step_done(self, run: Run, is_last: bool) -> None:
        """The rows that are due after a step."""
        settings = run.settings
        if run.step % settings.log_every_steps == 0 or is_last:
            self._log.add(run.step, _means(run))
            run.sums = {}
        if run.step % settings.validate_every_steps == 0 or is_last:
            self._validate(run)

    def _validate(self, run: Run) -> None:
        has_codes = run.step > run.settings.plain_steps
        if self._windows is not None:
            run.validation = validated(run.model, self._windows, self._sample_rate_hz, has_codes)
        histogram = run.counts.numpy()
        perplexity, used = perplexities(histogram), used_shares(histogram)
        row: dict[str, float | None] = {**run.validation}
        for book, (alike, share) in enumerate(zip(perplexity, used, strict=True), 1):
            row |= {f"perplexity_{book}": alike, f"used_{book}": share if has_codes else None}
        self._validations.add(run.step, row)
        self._say(f"step {run.step} of {run.settings.steps}: {told(run.validation, perplexity if has_codes else ())}")
        run.counts.zero_()


def told(validation: Validation, perplexity: Sequence[float | None]) -> str:
    """One line of what a validation found."""
    parts = []
    for way, name in (("with", "quantised"), ("without", "unquantised")):
        if f"si_sdr_db_{name}" in validation:
            si_sdr, distance = (validation[f"{score}_{name}"] for score in ("si_sdr_db", "log_spectral_distance_db"))
            parts.append(f"{way} tokens SI-SDR {si_sdr:.2f} dB, log-spectral distance {distance:.2f} dB")
    if validation:
        parts.append(f"middle {validation['mid_snr_db']:.2f} dB, sides {validation['side_snr_db']:.2f} dB SNR")
    known = [alike for alike in perplexity if alike is not None]
    if known:
        parts.append(f"codebooks used as by {min(known):.0f} to {max(known):.0f} codes")
    return "; ".join(parts) or "no music is held out, nothing to validate with"


def _means(run: Run) -> dict[str, float | None]:
    steps = run.sums.get("steps", 0.0)
    means: dict[str, float | None] = {name: run.sums[name] / steps for name in OF_A_STEP if steps}
    return {**means, "learning_rate": run.optimiser.param_groups[0]["lr"], "bad_steps": run.sums.get("bad_steps", 0.0)}

"""What a training leaves to be read, seen and heard, and what it tells while it runs; in one process of several."""

import torch

from rebounce.training.bundle_loader import collate
from rebounce.training.losses.comparison import Comparison
from rebounce.training.losses.registry import LOSSES
from rebounce.training.losses.targets import targets_of
from rebounce.training.trainer.logs import Logs, epoch_columns, epoch_row
from rebounce.training.trainer.pictures import draw_losses
from rebounce.training.trainer.samples import sample_windows, sounds_of, write_sounds
from rebounce.training.trainer.state import TOKEN_SCORES, Scores, StageResult
from rebounce.training.trainer.steps import Step, rate
from rebounce.training.trainer.training import StepFacts, Training

LOSSES_PICTURE, SAMPLES = "losses.png", "samples"


class Records:
    """The logs, pictures and samples of one run, and its lines for whoever watches."""

    def __init__(self, training: Training, until: int) -> None:
        """`until` is the last stage that is to run."""
        self._until = until
        self._logs: Logs | None = None
        if training.writes:
            used = {name for plan in training.plans for name in plan.weights}
            columns = epoch_columns([name for name in LOSSES if name in used], TOKEN_SCORES)
            progress = training.progress
            self._logs = Logs(training.folder.path, columns, progress.rows, progress.step)

    def say(self, training: Training, text: str) -> None:
        """Something happened that whoever reads the run later should know."""
        training.progress.events.append(f"step {training.progress.step}: {text}")
        if training.writes:
            training.tell.say(text)

    def step(self, training: Training, step: Step, windows_per_second: float) -> None:
        """A step was made."""
        if self._logs is None:
            return
        progress, plan = training.progress, training.plan
        if progress.step % training.config.keep.log_every_steps == 0:
            row = {
                "stage": plan.config.name,
                "epoch": progress.epoch,
                "step": progress.step,
                "windows": progress.windows,
                "learning_rate": step.learning_rate,
                "loss": step.scores["loss"],
                "gradient_norm": step.norm,
                "windows_per_second": round(windows_per_second, 2),
            }
            self._logs.step(row)
        done, most = training.all_windows(self._until)
        facts = StepFacts(
            stage=plan.config.name,
            epoch=progress.epoch + 1,
            most_epochs=plan.limits.most,
            batch=progress.batch.windows,
            loss=step.scores["loss"],
            done=done,
            all=most,
        )
        training.tell.step(facts)

    def epoch(self, training: Training, scores: tuple[Scores, Scores], seconds: float) -> None:
        """An epoch was made, or a stage begins and this is epoch 0: means of training and of validation."""
        if self._logs is None:
            return
        progress, plan, keep = training.progress, training.plan, training.config.keep
        head = {
            "stage": plan.config.name,
            "epoch": progress.epoch,
            "step": progress.step,
            "batch": progress.batch.windows,
            "learning_rate": rate(training),
            "seconds": round(seconds, 3),
        }
        row = epoch_row(head, *scores)
        self._logs.epoch(row)
        if progress.epoch % keep.samples_every_epochs == 0:
            self._draw_losses(training)
            self._samples(training)
        training.tell.epoch(row, plan.limits.most)

    def stage(self, training: Training, result: StageResult) -> None:
        """A stage was made."""
        self._draw_losses(training)
        if training.writes:
            training.tell.stage(result)

    def go_back(self, training: Training) -> None:
        """Forget the rows after the state that the training has returned to."""
        if self._logs:
            self._logs.go_back(training.progress.rows, training.progress.step)

    def close(self) -> None:
        """Let go of the files."""
        if self._logs:
            self._logs.close()

    def _draw_losses(self, training: Training) -> None:
        if self._logs and training.config.keep.pictures:
            draw_losses(training.folder.path / LOSSES_PICTURE, self._logs.epochs())

    @torch.no_grad()
    def _samples(self, training: Training) -> None:
        """What the network makes of a few windows, where they are asked for."""
        if not training.config.keep.samples or training.decoder is None:
            return
        plan, progress = training.plan, training.progress
        windows = sample_windows(plan.validation, training.config.keep.samples)
        targets = targets_of(collate(windows), training.space, training.network.shape.window_tokens)
        training.network.eval()
        with training.fabric.autocast():
            prediction = training.network(targets.damaged_codes, targets.damaged_latents)
        scales = [float(window["scales_damaged"][0]) for window in windows]
        source = "latents" if "latent" in plan.weights else "choices"
        comparison = Comparison(prediction, targets, training.decoder)
        sounds = sounds_of(comparison, source, scales, training.decoder)
        folder = training.folder.path / SAMPLES / plan.config.name
        write_sounds(folder, f"epoch-{progress.epoch:04}", sounds, training.side.sample_rate_hz)

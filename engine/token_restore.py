"""TokenRestore: repairs a mix by what a network says its codec's latents, or its tokens, should have been.

The mix itself does not go through the codec. It is coded only to be looked at: the network proposes the latents or the
tokens of the clean mix, the input's and the proposed ones are decoded, and what the two decodes differ by is what the
mix is repaired with. Where the network proposes nothing, the samples leave bit-identical. See docs/tokens.md.
"""

from typing import Any, ClassVar

from rebounce.engine.model_package import ModelPackage
from rebounce.engine.model_store import find_model
from rebounce.engine.parameters import Choice, Flag, Number, Text
from rebounce.engine.plugin import Plugin
from rebounce.engine.repair_modes import WEIGHTS
from rebounce.engine.resampling import whole_rate
from rebounce.engine.stream import Run
from rebounce.engine.token_gate import Gate
from rebounce.engine.token_models import CHANNELS, TokenModels, open_token_models, restorer_settings
from rebounce.engine.token_repair import MODES, SOURCES, RepairPlan, TokenRepair
from rebounce.engine.token_run import RunPlan, Tally, TokenRun
from rebounce.engine.token_windows import WindowGrid


class TokenRestore(Plugin):
    """Repairs what its model was trained to repair; `(channels, frames)` in and out, one or two channels, at any rate.

    `model` is the name of a package or its folder. `mode` says how the decodes are used: "residual" adds their
    difference, "transfer" applies the gain between them to the input's own spectrum, "decode" puts the second in the
    input's place. `source` is what is decoded: changed "latents", or whole "tokens". `weight` holds back, in
    "residual", what the codec is not to be trusted with. A proposal is taken where the token is wrong with a chance of
    at least `least_mask`, and the network's confidence in its own is at least `least_confidence`: a token for itself, a
    change of latents by the means over its window, and only if it is at least `least_change` of the latents' level.
    `level` also applies the change of level that the
    network proposes; without it none is made on purpose. `strength` scales all of it.

    Not for faults that the model was not trained on. `device` is "auto", "cpu", "cuda" or "cuda:1"; all but the first
    are strict.
    """

    max_channels: ClassVar[int | None] = CHANNELS
    runs_model = True

    model = Text("the name of a model, or its folder")
    mode = Choice(*MODES)
    source = Choice(*SOURCES)
    weight = Choice(*WEIGHTS)
    strength = Number(0.0, 1.0)
    least_mask = Number(0.0, 1.0)
    least_confidence = Number(0.0, 1.0)
    least_change = Number(0.0, 1.0)
    level = Flag()
    device = Text("auto, cpu, cuda or cuda:N", r"auto|cpu|cuda(:\d{1,3})?")

    def __init__(  # noqa: PLR0913 - an argument for each parameter, as pedalboard's plugins have
        self,
        *,
        model: str = "light",
        mode: str = "residual",
        source: str = "latents",
        weight: str = "coherence",
        strength: float = 1.0,
        least_mask: float = 0.3,
        least_confidence: float = 0.0,
        least_change: float = 0.25,
        level: bool = False,
        device: str = "auto",
    ) -> None:
        super().__init__(model=str(model), mode=mode, source=source, weight=weight, strength=strength, level=level)
        self.least_mask = least_mask
        self.least_confidence = least_confidence
        self.least_change = least_change
        self.device = device
        self._found: tuple[str, ModelPackage] | None = None
        # Of the last run; its models themselves are kept by nobody here, so that a plugin can be copied and pickled.
        self._device: str | None = None
        self._message: str | None = None
        self._tally = Tally()

    # What the record says.

    @property
    def package(self) -> ModelPackage:
        """The model's package, looked up and checked once; a ModelError where there is none."""
        if self._found is None or self._found[0] != self.model:
            package = find_model(self.model)
            restorer_settings(package)
            self._found = (self.model, package)
        return self._found[1]

    def model_id(self) -> str | None:
        return None if self.is_identity() else self.package.id

    def device_used(self) -> str | None:
        return self._device

    def identity(self) -> dict[str, Any]:
        """The settings, with the package that the model's name means, and without the device."""
        table = {name: value for name, value in self.settings().items() if name not in ("device", "model")}
        return table | {"model": self.model_id()}

    def notes(self) -> list[str]:
        said = [] if self._message is None else [self._message]
        tally = self._tally
        if tally.changed:
            said.append(f"{tally.changed} of {tally.windows} windows were repaired")
        elif tally.windows:
            said.append(self._why_nothing())
        levels_db = (tally.lowest_level_db, tally.highest_level_db)
        if self.level and tally.windows and any(levels_db):
            least_db, most_db = (self.strength * level_db for level_db in levels_db)
            said.append(f"level changed by {least_db:+.1f} to {most_db:+.1f} dB")
        return said

    def _why_nothing(self) -> str:
        if self.source == "latents" and self.least_change > 0:
            return (
                f"the network is sure of no repair: none comes to {self.least_change:g} of the latents' level; "
                "least_mask = 0 with least_change = 0 takes all that it proposes"
            )
        return "the network found nothing to repair"

    # What a run needs.

    @property
    def latency_frames(self) -> int:
        """Frames of input an output frame waits for, the grid of batches apart."""
        if self.is_identity():
            return 0
        rate = self._stream_shape[0] if self._stream_shape else 48_000.0
        manifest = self.package.manifest
        return round(manifest.context_frames * rate / manifest.sample_rate_hz)

    def prepare(self) -> None:
        """Open the models now, so that what is wrong with them or the device is said before any audio is read."""
        if not self.is_identity():
            self._open()

    def stream(self, sample_rate_hz: float, channels: int) -> Run:
        if self.is_identity() or channels > CHANNELS:
            return super().stream(sample_rate_hz, channels)
        models = self._open()
        gate = Gate(least_mask=self.least_mask, least_confidence=self.least_confidence, least_change=self.least_change)
        plan = RepairPlan(mode=self.mode, source=self.source, weight=self.weight, gate=gate)
        run = TokenRun(TokenRepair(models, plan), self._run_plan(models, (sample_rate_hz, channels), plan.replaces))
        self._tally = run.tally
        return run

    def _open(self) -> TokenModels:
        models = open_token_models(self.package, self.device)
        self._device, self._message = models.device, models.message
        return models

    def _run_plan(self, models: TokenModels, shape: tuple[float, int], replaces: bool) -> RunPlan:
        manifest = self.package.manifest
        return RunPlan(
            sample_rate_hz=whole_rate(shape[0]),
            channels=shape[1],
            model_rate_hz=manifest.sample_rate_hz,
            model_channels=manifest.channels,
            grid=WindowGrid(
                window_frames=manifest.window_frames,
                hop_frames=manifest.hop_frames,
                context_frames=manifest.context_frames,
            ),
            batch=models.codec.at_once,
            strength=self.strength,
            replaces=replaces,
            applies_level=self.level,
        )

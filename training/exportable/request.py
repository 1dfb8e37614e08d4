"""What was asked for when a checkpoint becomes a package, and the manifest as far as that goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rebounce.engine.audio import Audio
from rebounce.engine.checked_table import Scalar
from rebounce.engine.model_manifest import Manifest
from rebounce.engine.model_package import ModelPackage
from rebounce.engine.window_scale import Scaling

SAMPLE_RATE_HZ = 48_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The texts of a package, and `music` `(2, frames)` at `SAMPLE_RATE_HZ` on which parity is measured.

    `codec` is the package whose codec a restorer works with; a codec's own package needs none.
    """

    name: str
    version: str
    licence: str
    training_data_card: str
    music: Audio
    scores: Mapping[str, Scalar] = field(default_factory=dict)
    codec: ModelPackage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a network sees at a time, and what its audio is divided by.

    A tenth on either side is context: what is computed there is thrown away, and the next window starts after what is
    kept.
    """

    frames: int
    scaling: Scaling
    sample_rate_hz: int = SAMPLE_RATE_HZ
    channels: int = 2

    @property
    def context_frames(self) -> int:
        return self.frames // 10

    @property
    def hop_frames(self) -> int:
        return self.frames - 2 * self.context_frames


def first_reason(error: Exception) -> str:
    """What is wrong first, of what torch says of weights that do not fit, a line for each."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[min(1, len(lines) - 1)].rstrip(".") if lines else type(error).__name__


def manifest_of(request: Request, kind: str, window: Window) -> Manifest:
    """The manifest without what only the package's files can tell."""
    return Manifest(
        name=request.name,
        version=request.version,
        kind=kind,
        sample_rate_hz=window.sample_rate_hz,
        channels=window.channels,
        window_frames=window.frames,
        hop_frames=window.hop_frames,
        context_frames=window.context_frames,
        licence=request.licence,
        training_data_card=request.training_data_card,
        inputs=(),
        outputs=(),
        scaling={"kind": window.scaling.kind, "floor": window.scaling.floor},
        scores=dict(request.scores),
    )

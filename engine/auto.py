"""Auto: finds out what is wrong with a piece, repairs only that, and believes no repair that it has not checked.

What always holds: where no repair stays the audio is the input itself; memory does not grow with the piece; and what
was seen and not repaired is told too.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from rebounce.engine.audio import Audio, as_audio, check_numbers, joined
from rebounce.engine.errors import UsageError
from rebounce.engine.inspection.finding import LEFT, REDUCED, Finding
from rebounce.engine.inspection.inspector import Detectors, all_detectors
from rebounce.engine.parameters import Number
from rebounce.engine.passes import ChainRun, MemorySpool, Spool
from rebounce.engine.plugin import Plugin, check_rate
from rebounce.engine.stream import Run
from rebounce.engine.treating import NewSpool, Treating, Treatment


class Auto(Plugin):
    """Repairs what its detectors are sure of; `(channels, frames)` in and out.

    `strength` scales the strength of every repair. Not for a piece that is meant to sound broken: an effect looks like
    a fault.
    """

    needs_analysis = True

    strength = Number(0.0, 1.0)

    def __init__(self, *, strength: float = 1.0) -> None:
        super().__init__(strength=strength)
        self._detectors: Detectors | None = None
        self._treatment: Treatment | None = None
        self._treated_at = 1.0
        self._ran: list[Plugin] = []

    def look_with(self, detectors: Detectors) -> None:
        """Use these detectors in place of all there are."""
        self._detectors = detectors

    @property
    def treatment(self) -> Treatment | None:
        """What was done to the last piece; None before the first."""
        return self._treatment

    def findings(self) -> list[Finding] | None:
        if self._treatment is None:
            return None
        return [self._by_now(finding) for finding in self._treatment.findings]

    def _by_now(self, finding: Finding) -> Finding:
        """At less strength than the repairs were made at, less is taken away."""
        if finding.action == LEFT or self.strength >= self._treated_at:
            return finding
        return replace(finding, action=REDUCED if self.strength else LEFT)

    def notes(self) -> list[str]:
        if self._treatment is None:
            return []
        # What was scaled afterwards says what it did if it ran; if not, what it would do, as far as it knows.
        scaled = zip(self._treatment.repairs, self._ran or self._repairs(), strict=True)
        made = [f"{repair.name}: {note}" for repair, part in scaled for note in part.notes() or repair.notes()]
        return [*made, *self._treatment.refusals]

    @property
    def latency_frames(self) -> int:
        return 0 if self.is_identity() else sum(repair.latency_frames for repair in self._repairs())

    def is_identity(self) -> bool:
        is_empty = self._treatment is not None and not self._treatment.repairs
        return super().is_identity() or (self._is_pinned and is_empty)

    # How a piece goes through it.

    def treat(self, source: Iterable[Audio], sample_rate_hz: float, channels: int, new_spool: NewSpool) -> Spool | None:
        """Find and repair; returns the spool that holds the result, None where no repair stays.

        `source` must be one that can be walked again.
        """
        self._treatment, self._ran = None, []
        treating = Treating(source, sample_rate_hz, channels, self._detectors or all_detectors(), new_spool)
        self._treatment, self._treated_at = treating.treat(float(self.strength)), float(self.strength)
        return treating.spool

    def look(self, blocks: Iterable[Any], sample_rate: float | None = None) -> None:
        rate = sample_rate or getattr(blocks, "sample_rate_hz", None)
        if rate is None:
            raise UsageError(
                "Auto.analyse: expected a sample rate beside the blocks; call analyse(blocks, sample_rate)"
            )
        walkable = [check_numbers(as_audio(block)) for block in blocks]
        channels = next((len(block) for block in walkable), 1)
        self.treat(walkable, check_rate(rate), channels, MemorySpool)

    def keep_analysis(self) -> None:
        self._is_pinned = self._treatment is not None

    def process_whole(self, audio: Audio, sample_rate_hz: float) -> Audio:
        if not self.wants_analysis():
            return super().process_whole(audio, sample_rate_hz)
        treated = self.treat([audio], sample_rate_hz, audio.shape[0], MemorySpool)
        return audio if treated is None else joined(list(treated), audio.shape[0])

    def stream(self, sample_rate_hz: float, channels: int) -> Run:
        self._ran = []
        if self.is_identity() or self._treatment is None:
            return super().stream(sample_rate_hz, channels)
        self._ran = self._repairs()
        return ChainRun(self._ran, sample_rate_hz, channels)

    def at_strength(self, strength: float) -> "Auto":
        """The same at part of its strength; once it is pinned, the repairs that it made at part of theirs."""
        plugin = Auto(strength=self.strength * strength)
        plugin._detectors = self._detectors
        if self._is_pinned:
            plugin._treatment, plugin._treated_at, plugin._is_pinned = self._treatment, self._treated_at, True
        return plugin

    def _repairs(self) -> list[Plugin]:
        """Those of the last piece, at the strength that is asked for now."""
        made = () if self._treatment is None else self._treatment.repairs
        return [repair.at_strength(self.strength / self._treated_at) for repair in made]

    # How it is saved.

    def to_dict(self) -> dict[str, Any]:
        """Once it has seen a piece: the chain that it made for that, to be replayed and edited."""
        if self._treatment is None:
            return super().to_dict()
        return {"plugin": "Board", "chain": [repair.to_dict() for repair in self._repairs()]}

    def settings(self) -> dict[str, Any]:
        return self.to_dict() if self._is_pinned else {"plugin": self.name, "strength": self.strength}

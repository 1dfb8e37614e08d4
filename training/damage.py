"""Damage as data: which faults, in which order, with which parameters; applied, and taken back where that can be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import Parameters, Undoable, apply_fault
from rebounce.training.faults.registry import fault_named


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """One fault as it was drawn."""

    fault: str
    parameters: Parameters


Damage = tuple[Applied, ...]
"""The faults in the order in which they are applied; none at all is clean."""


def apply_damage(audio: Audio, sample_rate_hz: int, damage: Damage) -> Audio:
    """The audio `(channels, frames)` after all faults; without any, a copy."""
    damaged = audio.copy()
    for applied in damage:
        damaged = apply_fault(fault_named(applied.fault), damaged, sample_rate_hz, applied.parameters)
    return damaged


def undo_damage(audio: Audio, sample_rate_hz: int, damage: Damage) -> Audio | None:
    """What someone could give back who knows every parameter; None where one of the faults cannot be taken back."""
    restored = audio
    for applied in reversed(damage):
        fault = fault_named(applied.fault)
        undone = fault.undo(restored, sample_rate_hz, applied.parameters) if isinstance(fault, Undoable) else None
        if undone is None:
            return None
        restored = undone
    return restored


def damage_to_data(damage: Damage) -> list[dict[str, Any]]:
    """For JSON: `[{"fault": "eq", "parameters": {...}}]`."""
    return [{"fault": applied.fault, "parameters": applied.parameters} for applied in damage]


def damage_from_data(data: Sequence[Mapping[str, Any]]) -> Damage:
    """What `damage_to_data` wrote."""
    return tuple(Applied(fault=item["fault"], parameters=dict(item["parameters"])) for item in data)

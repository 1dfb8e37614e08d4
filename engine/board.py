"""A chain of plugins: ours, pedalboard's and VST3s, list-like and nested, with exact streaming.

board = Board([HighpassFilter(20), Denoise(strength=0.5), Vst3("/usr/lib/vst3/ZaMaximX2.vst3")])
restored = board(audio, sample_rate)
"""

from collections.abc import Callable, Iterable, Iterator, MutableSequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

from rebounce.engine.audio import Audio, is_one_shot, joined
from rebounce.engine.blend import Blend
from rebounce.engine.errors import ChainError, UsageError
from rebounce.engine.native import NativeRun
from rebounce.engine.passes import ChainRun, MemorySpool, Spool, Treats, checked, run_through, settle
from rebounce.engine.pedalboard_effects import effect_to_dict, is_effect
from rebounce.engine.plugin import Plugin
from rebounce.engine.registry import build_plugin
from rebounce.engine.stream import Run

if TYPE_CHECKING:
    from rebounce.engine.inspection.finding import Finding

NewSpool = Callable[[], Spool]


class Board(Plugin, MutableSequence[Any]):
    """Plugins one after another; itself a plugin, so boards nest."""

    def __init__(self, plugins: Iterable[Any] = ()) -> None:
        super().__init__()
        self._plugins = [_checked(plugin) for plugin in plugins]

    # It is a list.

    def __len__(self) -> int:
        return len(self._plugins)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> "Board": ...

    def __getitem__(self, index: int | slice) -> Any:
        return Board(self._plugins[index]) if isinstance(index, slice) else self._plugins[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        many = isinstance(index, slice)
        self._plugins[index] = [_checked(item) for item in value] if many else _checked(value)

    def __delitem__(self, index: int | slice) -> None:
        del self._plugins[index]

    def insert(self, index: int, value: Any) -> None:
        self._plugins.insert(index, _checked(value))

    def __repr__(self) -> str:
        return f"Board({self._plugins!r})"

    # It is a plugin.

    @property
    def latency_frames(self) -> int:
        return sum(stage.latency_frames for stage in self.stages())

    def is_identity(self) -> bool:
        return all(stage.is_identity() for stage in self.stages())

    def analyses(self) -> int:
        """How many plugins must see the whole file first."""
        return sum(stage.wants_analysis() for stage in self.stages())

    def needs_spool(self) -> bool:
        """True when a plugin must see what another one puts out, or makes its result on the way."""
        active = [stage for stage in self.stages() if not stage.is_identity()]
        return self.treats() or any(stage.wants_analysis() for stage in active[1:])

    def treats(self) -> bool:
        """True when a plugin will look at the piece and decide what is done to it."""
        return any(isinstance(stage, Treats) and stage.wants_analysis() for stage in self.stages())

    def wants_analysis(self) -> bool:
        return any(stage.wants_analysis() for stage in self.stages())

    def notes(self) -> list[str]:
        return [f"{stage.name}: {note}" for stage in self.stages() for note in stage.notes()]

    def findings(self) -> "list[Finding] | None":
        found = [findings for stage in self.stages() if (findings := stage.findings()) is not None]
        return [finding for findings in found for finding in findings] if found else None

    def model_id(self) -> str | None:
        return _listed(stage.model_id() for stage in self.stages())

    def device_used(self) -> str | None:
        return _listed(stage.device_used() for stage in self.stages())

    def stages(self) -> list[Plugin]:
        """The chain flat: boards within it opened, neighbouring pedalboard plugins made into one native call."""
        flat = list(self._flat())
        groups = groupby(flat, key=lambda item: not isinstance(item, Plugin))
        return [stage for native, items in groups for stage in ([NativeRun(list(items))] if native else items)]

    def look(self, blocks: Iterable[Any], sample_rate: float | None = None) -> None:
        """Let every plugin that must see the whole file see it."""
        rate = sample_rate or getattr(blocks, "sample_rate_hz", None)
        if rate is None:
            raise UsageError(
                "Board.analyse: expected a sample rate beside the blocks; call analyse(blocks, sample_rate)"
            )
        walkable = list(blocks) if is_one_shot(blocks) else blocks
        channels = next((len(block) for block in walkable), 0)
        if channels:
            self.settle(walkable, rate, channels, MemorySpool)

    def analyse(self, blocks: Iterable[Any], sample_rate: float | None = None) -> None:
        self.look(blocks, sample_rate)
        for stage in self.stages():
            stage.keep_analysis()

    def keep_analysis(self) -> None:
        for stage in self.stages():
            stage.keep_analysis()

    def settle(
        self, source: Iterable[Audio], sample_rate_hz: float, channels: int, new_spool: NewSpool
    ) -> tuple[list[Plugin], Iterable[Audio]]:
        """Run the analyses; return the stages still to run and what they run on."""
        active = [stage for stage in self.stages() if not stage.is_identity()]
        return settle(active, source, sample_rate_hz, channels, new_spool)

    def stream(self, sample_rate_hz: float, channels: int) -> Run:
        return ChainRun(self.stages(), sample_rate_hz, channels)

    def process_whole(self, audio: Audio, sample_rate_hz: float) -> Audio:
        channels = audio.shape[0]
        whole = [audio]
        stages, source = self.settle(whole, sample_rate_hz, channels, MemorySpool)
        if len(stages) == 1 and source is whole and not stages[0].wants_analysis():
            return checked(stages[0].process_whole(audio, sample_rate_hz), stages[0].name)
        return joined(list(run_through(stages, source, sample_rate_hz, channels)), channels)

    def at_strength(self, strength: float) -> "Board":
        """The same chain with every plugin's own strength scaled, or its dry signal mixed in where it has none."""
        if not 0 <= strength <= 1:
            raise UsageError(f"strength = {strength!r}, expected a number from 0 to 1")
        return self if strength == 1 else Board(_scaled(plugin, strength) for plugin in self._plugins)

    # It is saved and loaded.

    def to_dict(self) -> dict[str, Any]:
        return {"chain": [_to_dict(plugin) for plugin in self._plugins]}

    def settings(self) -> dict[str, Any]:
        return {"chain": [_settings(plugin) for plugin in self._plugins]}

    def identity(self) -> dict[str, Any]:
        return {"chain": [_identity(plugin) for plugin in self._plugins]}

    @classmethod
    def from_dict(cls, table: dict[str, Any]) -> Self:
        unknown = set(table) - {"plugin", "chain"} if isinstance(table, dict) else {table}
        if unknown:
            raise ChainError(f'expected a table with the key "chain", found {sorted(map(str, unknown))}')
        chain = table.get("chain", [])
        if not isinstance(chain, list) or not all(isinstance(item, dict) for item in chain):
            raise ChainError(f"expected chain = a list of tables, one a plugin, found {chain!r}")
        return cls(_from_dict(item) for item in chain)

    def save(self, path: str | Path) -> None:
        """Write the chain as a TOML file that `load_preset` reads; an analysis is in it only if it was asked for."""
        from rebounce.presets.chain_file import write_chain

        write_chain(Path(path), self.settings())

    def restore_file(self, source: str | Path, target: str | Path, *, force: bool = False) -> Any:
        """Restore one file; returns its record."""
        from rebounce.engine.job import Job, Options, format_for
        from rebounce.engine.preset import preset_hash
        from rebounce.engine.restore import restore_file

        options = Options(file_format=format_for(Path(source), Path(target)))
        job = Job(
            source=Path(source),
            target=Path(target),
            copy_target=Path(target),
            options=options,
            preset_hash=preset_hash(self, options.shaping()),
            is_forced=force,
        )
        return restore_file(job, self)

    def _flat(self) -> Iterator[Any]:
        for plugin in self._plugins:
            if isinstance(plugin, Board):
                yield from plugin._flat()
            else:
                yield plugin


def _checked(plugin: Any) -> Any:
    if isinstance(plugin, Plugin) or is_effect(plugin):
        return plugin
    raise ChainError(
        f"expected a plugin of rebounce or pedalboard, found {plugin!r} of type {type(plugin).__name__}; "
        "a path to a VST3 bundle goes in as Vst3(path), a class is called first: Gain(), not Gain"
    )


def _scaled(plugin: Any, strength: float) -> Any:
    return (plugin if isinstance(plugin, Plugin) else NativeRun([plugin])).at_strength(strength)


def _to_dict(plugin: Any) -> dict[str, Any]:
    if isinstance(plugin, Board):
        return {"plugin": "Board"} | plugin.to_dict()
    if isinstance(plugin, Blend):
        return _blend_to_dict(plugin)
    return plugin.to_dict() if isinstance(plugin, Plugin) else effect_to_dict(plugin)


def _settings(plugin: Any) -> dict[str, Any]:
    if isinstance(plugin, Board):
        return {"plugin": "Board"} | plugin.settings()
    return plugin.settings() if isinstance(plugin, Plugin) and not isinstance(plugin, Blend) else _to_dict(plugin)


def _identity(plugin: Any) -> dict[str, Any]:
    if isinstance(plugin, Board):
        return {"plugin": "Board"} | plugin.identity()
    return plugin.identity() if isinstance(plugin, Plugin) and not isinstance(plugin, Blend) else _to_dict(plugin)


def _listed(values: Iterable[str | None]) -> str | None:
    """The different ones in their order, with commas; None where there is none."""
    return ", ".join(dict.fromkeys(value for value in values if value is not None)) or None


def _blend_to_dict(blend: Blend) -> dict[str, Any]:
    inside = blend.plugin
    table = effect_to_dict(inside.effects[0]) if isinstance(inside, NativeRun) else inside.to_dict()
    return table | {"strength": blend.strength}


def _from_dict(table: dict[str, Any]) -> Any:
    """One plugin; `strength` on an effect that has none of its own mixes the dry signal in."""
    plugin_takes_it = "strength" not in table or table.get("plugin") == "Board"
    if plugin_takes_it:
        return build_plugin(table)
    from rebounce.engine.registry import OURS, is_vst3_path

    if table.get("plugin") in OURS or is_vst3_path(str(table.get("plugin"))):
        return build_plugin(table)
    effect = build_plugin({name: value for name, value in table.items() if name != "strength"})
    strength = table["strength"]
    if isinstance(strength, bool) or not isinstance(strength, (int, float)) or not 0 <= strength <= 1:
        raise ChainError(f"{table['plugin']}: strength = {strength!r}, expected a number from 0 to 1")
    return Blend(NativeRun([effect]), float(strength))

"""A VST3 effect in the chain, in a process of its own, saved with its parameters and its state.

plugin = Vst3("/usr/lib/vst3/ZaMaximX2.vst3", release_ms=50)
plugin.release_ms = 20          # checked, and read back as the plugin took it; heard from the next block on
plugin.parameters()             # every parameter with its range

The constructor loads the bundle, so whatever is wrong with it is a ChainError before any audio is read. If the plugin
crashes or hangs, the run it was in fails with PluginCrashed and the next one starts it afresh. What always holds:
frames out == frames in and lag 0, whatever latency the plugin reports, and equal output for equal input.

Channels: a plugin for one channel runs once for each; one for two runs once for each pair, neighbours as they come. A
single channel through a plugin that takes only two goes in on both sides and comes back as the average of its two
outputs. Instances do not hear one another: a mono compressor on stereo moves the image, as it would in a mixer.
"""

from typing import Any, Self

import numpy as np

from rebounce.engine.audio import Audio, joined
from rebounce.engine.errors import ChainError
from rebounce.engine.parameters import Number, Spec, Value, unknown_name
from rebounce.engine.plugin import Plugin
from rebounce.engine.stream import Kernel, Timing
from rebounce.engine.vst3_guest import Bundle, Guest, HostedParameter, HostedRun

TIMEOUT_S = 30.0

# pedalboard sets values on a grid of a thousandth of the range; only what the plugin rounds beyond it is worth a word.
_NOTABLE_ROUNDING = 1.5e-3

# Names in a chain file, or arguments here, that a parameter of the plugin cannot have as well.
_TAKEN_NAMES = frozenset({"analysis", "path", "plugin", "plugin_name", "state"})


class Vst3(Plugin):
    """A VST3 effect; its own parameters are keyword arguments and attributes.

    The names are pedalboard's, with the unit at the end; one that a Vst3 has itself gets a `_` after it. `state` is the
    base64 text from `to_dict`, and parameters beside it win over it. `plugin_timeout_s` is how long the plugin may take
    for one call of at most 65,536 frames; it may take four times as long to load.
    """

    strength = Number(0.0, 1.0)
    plugin_timeout_s = Number(0.1, 3600.0)

    def __init__(
        self,
        path: str,
        *,
        plugin_name: str | None = None,
        plugin_timeout_s: float = TIMEOUT_S,
        state: str | None = None,
        strength: float = 1.0,
        **parameters: Value,
    ) -> None:
        super().__init__(strength=strength, plugin_timeout_s=plugin_timeout_s)
        self._path = str(path)
        self._roundings: dict[str, str] = {}
        bundle = Bundle(path=self._path, plugin_name=plugin_name, state=state, limit_s=self.plugin_timeout_s)
        self._guest = Guest(bundle)
        self._hosted = {_public_name(name): item for name, item in self._guest.parameters.items()}
        if parameters:
            self._set_hosted(parameters)

    # What the chain asks.

    @property
    def name(self) -> str:
        """The plugin's own name."""
        return self._guest.name

    @property
    def path(self) -> str:
        """Where the bundle is."""
        return self._path

    @property
    def guest(self) -> Guest:
        """What stands behind it: the loaded plugin and its process."""
        return self._guest

    @property
    def latency_frames(self) -> int:
        """What the plugin reported last; it is compensated."""
        return 0 if self.is_identity() else self._guest.latency_frames

    def timing(self, sample_rate_hz: float) -> Timing:
        return Timing(takes_many=True)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        return _Mix(self, self._guest.start_run(sample_rate_hz, channels), channels)

    def parameters(self) -> dict[str, Spec]:
        return super().parameters() | {name: item.spec for name, item in self._hosted.items()}

    def notes(self) -> list[str]:
        """Where the plugin took another value than the one it was given."""
        return list(self._roundings.values())

    def close(self) -> None:
        """End the plugin's process now; it starts again when it is needed."""
        self._guest.close()

    # Its parameters are attributes.

    def __getattr__(self, name: str) -> Value:
        hosted = self.__dict__.get("_hosted", {})
        if name not in hosted:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        if not hosted[name].is_automatable:
            self._guest.refresh()  # a meter, say: the plugin moves it
        return self._guest.values[hosted[name].name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__.get("_hosted", {}):
            self._set_hosted({name: value})
        elif name.startswith("_") or name == "analysis" or hasattr(type(self), name):
            super().__setattr__(name, value)
            if name == "plugin_timeout_s" and "_guest" in self.__dict__:
                self._guest.limit_s = self.plugin_timeout_s
        else:
            raise unknown_name(self.name, name, list(self.parameters()))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._hosted]

    def _set_hosted(self, values: dict[str, Any]) -> None:
        checked: dict[str, Value] = {}
        for name, value in values.items():
            if name not in self._hosted:
                raise unknown_name(self.name, name, list(self.parameters()))
            item = self._hosted[name]
            text = str(value)
            is_word = not isinstance(value, bool) and text in item.spec.words
            checked[item.name] = item.spec.check(self.name, name, text if is_word else value)
        self._guest.set(checked)
        for name in values:
            self._note_rounding(name, checked[self._hosted[name].name])

    def _note_rounding(self, name: str, asked: Value) -> None:
        item = self._hosted[name]
        took = self._guest.values[item.name]
        self._roundings.pop(name, None)
        if took != asked and not _is_close(took, asked, item.spec):
            self._roundings[name] = f"{name} = {asked!r} was asked for, the plugin took {took!r}"

    # It is saved and loaded.

    def to_dict(self) -> dict[str, Any]:
        """The path, what differs from the plugin's defaults, and its state."""
        return self._settings() | {"state": self._guest.state()}

    def _settings(self) -> dict[str, Any]:
        table: dict[str, Any] = {"plugin": self._path}
        if self._guest.bundle.plugin_name is not None:
            table["plugin_name"] = self._guest.bundle.plugin_name
        table |= self._values
        own = {name: self._guest.values[item.name] for name, item in self._hosted.items() if self._differs(item)}
        return table | own

    @classmethod
    def from_dict(cls, table: dict[str, Any]) -> Self:
        if "analysis" in table:
            raise ChainError(f"{table['plugin']}: found an analysis, but this plugin needs none; delete it")
        given = {name: value for name, value in table.items() if name != "plugin"}
        own = {
            name: given.pop(name) for name in ("plugin_name", "plugin_timeout_s", "state", "strength") if name in given
        }
        plugin = cls(table["plugin"], **own)
        # Only what the state did not bring: to set a value again may move it by a rounding.
        plugin._set_hosted({name: value for name, value in given.items() if not plugin._holds(name, value)})
        return plugin

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_dict, (self.to_dict(),)

    def __repr__(self) -> str:
        shown = {name: value for name, value in self._settings().items() if name != "plugin"}
        return ", ".join([f"Vst3({self._path!r}", *(f"{name}={value!r}" for name, value in shown.items())]) + ")"

    def _differs(self, item: HostedParameter) -> bool:
        was_asked = item.name in self._guest.asked
        return (item.is_automatable or was_asked) and self._guest.values[item.name] != item.default

    def _holds(self, name: str, value: Any) -> bool:
        return name in self._hosted and self._guest.values[self._hosted[name].name] == value


class _Mix:
    """The kernel: the plugin's output, with the dry frames that belong to it mixed in where strength is below 1."""

    def __init__(self, plugin: Vst3, run: HostedRun, channels: int) -> None:
        self._plugin = plugin
        self._run = run
        self._dry = np.zeros((channels, 0), dtype=np.float32)

    def __call__(self, window: Audio) -> Audio:
        wet = self._run(window)
        frames = wet.shape[1]
        waiting = joined([self._dry, window], len(window))
        dry, self._dry = waiting[:, :frames], waiting[:, frames:].copy()
        strength = np.float32(self._plugin.strength)
        return wet if strength == 1 else dry + strength * (wet - dry)


def _public_name(name: str) -> str:
    """The plugin's name for a parameter, unless a Vst3 has something of that name itself."""
    return name + "_" if name in _TAKEN_NAMES or hasattr(Vst3, name) else name


def _is_close(took: Value, asked: Value, spec: Spec) -> bool:
    if not isinstance(took, float) or not isinstance(asked, float) or spec.high is None or spec.low is None:
        return False
    return abs(took - asked) <= _NOTABLE_ROUNDING * (spec.high - spec.low)

"""A hosted plugin as its parent knows it: what was asked of it, what it answered, and a child when one is needed.

What always holds: a child that is started again sounds like the one before, because the state it was given and every
value asked of it since are given to it again in the same order.
"""

import base64
import struct
import threading
import weakref
from collections import deque
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.errors import ChainError, PluginError
from rebounce.engine.parameters import Spec, Value
from rebounce.engine.vst3_bundle import find_bundle
from rebounce.engine.vst3_link import Link
from rebounce.engine.vst3_wire import Message, frames_at_once

# A plugin may take this many times its time limit to load: it reads licences, presets and samples then.
LOAD_LIMIT_FACTOR = 4.0

# What JUCE puts before a VST3's state: these four bytes, then the length of the text that follows.
_STATE_HEAD = struct.Struct("<4sI")
_STATE_MAGIC = b"VC2!"

_run_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Which plugin, and how long it may take."""

    path: str
    plugin_name: str | None
    state: str | None
    limit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedParameter:
    """One parameter of the plugin: what it takes, its unit, and its value when nothing was set."""

    name: str
    spec: Spec
    unit: str
    is_automatable: bool
    default: Value


class Guest:
    """The plugin behind a Vst3."""

    def __init__(self, bundle: Bundle) -> None:
        self._loaded_from = find_bundle(bundle.path)
        if bundle.state is not None and not is_whole_state(bundle.state):
            raise ChainError(
                f"{bundle.path}: expected state = base64 text of a whole plugin state, "
                f"found {_start_of(bundle.state)}; it was cut off or edited - take it from a saved chain again, "
                "or delete the line"
            )
        self.bundle = bundle
        self.limit_s = bundle.limit_s
        self.name = Path(bundle.path).stem
        self.latency_frames = 0
        self.parameters: dict[str, HostedParameter] = {}
        self.values: dict[str, Value] = {}
        self.asked: dict[str, Value] = {}
        self._state = bundle.state
        self._ended: deque[int] = deque()
        self._link: Link | None = None
        self._lock = threading.RLock()
        try:
            self.link()
        except PluginError as error:
            raise ChainError(str(error)) from error

    @property
    def label(self) -> str:
        """Name and path, for errors."""
        return f"{self.name} ({self.bundle.path})"

    def link(self) -> Link:
        """A living child with the plugin in it as it was last set."""
        with self._lock:
            if self._link is None or not self._link.is_usable():
                self._link = self._start()
                if self.asked:
                    self._tell(self.asked)
            return self._link

    def set(self, values: dict[str, Value]) -> None:
        """Set parameters, whose values have been checked; `values` then says what the plugin took."""
        with self._lock:
            self.link()
            for name in values:
                self.asked.pop(name, None)
            self.asked |= values
            self._state = None
            self._tell(values)

    def refresh(self) -> None:
        """Read the parameters again: the plugin moves some of them itself."""
        self.values = self._asked_of(self.link(), {"do": "values"})["values"]

    def state(self) -> str:
        """The whole state as base64 text: what was given, for as long as nothing was set since."""
        if self._state is None:
            self._state = str(self._asked_of(self.link(), {"do": "state", "ended": self._take_ended()})["state"])
        return self._state

    def start_run(self, sample_rate_hz: float, channels: int) -> "HostedRun":
        """The plugin made ready for a new piece of audio."""
        link = self.link()
        run = next(_run_numbers)
        message = {"do": "start", "run": run, "sample_rate_hz": sample_rate_hz, "channels": channels}
        message["ended"] = self._take_ended()
        self._asked_of(link, message)
        hosted = HostedRun(self, link, run)
        weakref.finalize(hosted, self._ended.append, run).atexit = False
        return hosted

    def close(self) -> None:
        """End the child; the next use starts another."""
        if self._link is not None:
            self._link.close()

    def heard(self, reply: Message) -> Message:
        """The reply, or the error that the plugin raised."""
        if "error" in reply:
            raise PluginError(f"{self.label}: {reply['error']}")
        return reply

    def _start(self) -> Link:
        load = {
            "do": "load",
            "path": self._loaded_from,
            "plugin_name": self.bundle.plugin_name,
            "state": self.bundle.state,
        }
        link = Link(self.label, load)
        try:
            reply = self.heard(link.hear_first(LOAD_LIMIT_FACTOR * self.limit_s))
        except PluginError:
            link.close()
            raise
        self.name = reply["name"]
        link.label = self.label
        self.latency_frames = reply["latency_frames"]
        self.widths = tuple(reply["widths"])
        self.values = reply["values"]
        self.parameters = {table["name"]: _parameter(table, reply["defaults"]) for table in reply["parameters"]}
        return link

    def _take_ended(self) -> list[int]:
        """The runs that nothing refers to any more; the child is told with the next message that concerns it."""
        return [self._ended.popleft() for _ in range(len(self._ended))]

    def _tell(self, values: dict[str, Value]) -> None:
        assert self._link is not None
        self.values = self._asked_of(self._link, {"do": "set", "values": values})["values"]

    def _asked_of(self, link: Link, message: Message) -> Message:
        return self.heard(link.ask(message, self.limit_s))


class HostedRun:
    """One piece of audio on its way through the plugin."""

    def __init__(self, guest: Guest, link: Link, run: int) -> None:
        self._guest = guest
        self._link = link
        self._run = run

    def __call__(self, audio: Audio) -> Audio:
        """The next whole blocks of the grid; fewer frames come back while the plugin holds some."""
        channels, frames = audio.shape
        done = np.empty_like(audio)
        at_once, length = frames_at_once(channels), 0
        for start in range(0, frames, at_once):
            length += self._pass(audio[:, start : start + at_once], done[:, length:])
        return done[:, :length]

    def _pass(self, audio: Audio, target: Audio) -> int:
        reply = self._guest.heard(self._link.process(self._run, audio, target, self._guest.limit_s))
        self._guest.latency_frames = reply["latency_frames"]
        return int(reply["frames"])


def is_whole_state(state: str) -> bool:
    """True when the text holds a complete state; JUCE itself drops a damaged one without a word."""
    try:
        data = base64.b64decode(state, validate=True)
    except ValueError:
        return False
    if len(data) < _STATE_HEAD.size:
        return False
    magic, length = _STATE_HEAD.unpack_from(data)
    return bool(magic == _STATE_MAGIC and len(data) >= _STATE_HEAD.size + length)


def _parameter(table: Message, defaults: dict[str, Any]) -> HostedParameter:
    spec = Spec(
        low=table.get("low"),
        high=table.get("high"),
        words=tuple(table.get("words", ())),
        is_flag=table.get("is_flag", False),
    )
    name = table["name"]
    return HostedParameter(
        name=name, spec=spec, unit=table["unit"], is_automatable=table["is_automatable"], default=defaults[name]
    )


def _start_of(text: str) -> str:
    return repr(text if len(text) <= 24 else text[:24] + "...")

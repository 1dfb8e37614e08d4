"""The plugin itself, in the child process: loaded by pedalboard, one instance for each group of channels.

What always holds: every instance is reset before a run and then fed block after block of one grid with `reset=False`.
(pedalboard's other way, `reset=True` on the first block, corrupts plugins that have latency.) Instances are kept and
reset between runs and not made afresh, because that is what gave equal output for all 17 plugins tried; ZamHeadX2 puts
out something else from every second instance in a process. Where reset is found not to clear a plugin, pedalboard is
told to rebuild that plugin at each reset.
"""

import base64
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.stream import GRID_FRAMES
from rebounce.engine.vst3_survey import copy_values, describe_parameters, read_values, write_values
from rebounce.engine.vst3_wire import Message, SharedMemory

_TRIAL_RATE_HZ = 48_000.0
_TRIAL_BLOCKS = 4
_NOISE_BYTES = 1 << 20


class Refused(Exception):
    """The bundle loads, but it is not what a chain can use."""


class Voice:
    """One instance of the plugin, and how many channels it takes."""

    def __init__(self, plugin: Any, width: int) -> None:
        self.plugin = plugin
        self.width = width
        self.is_stale = True

    def settle(self) -> None:
        """Let parameters arrive: a plugin takes them, and puts them into its state, with the next block it is given."""
        if self.is_stale:
            self._feed(np.zeros((self.width, GRID_FRAMES), dtype=np.float32), _TRIAL_RATE_HZ)
            self.is_stale = False
        self.plugin.reset()

    def process(self, audio: Audio, rate_hz: float) -> Audio:
        """The next blocks `(channels, frames)`; fewer frames come back while the plugin holds some.

        One channel through a plugin that takes only two goes in on both sides, and the two outputs are averaged: where
        they are equal, as a limiter's are, that is exactly either of them.
        """
        if len(audio) == self.width:
            return self._feed(audio, rate_hz)
        both = self._feed(np.repeat(audio, self.width, axis=0), rate_hz)
        average: Audio = both.mean(axis=0, keepdims=True)
        return average

    def _feed(self, audio: Audio, rate_hz: float) -> Audio:
        block: Audio = self.plugin.process(audio, rate_hz, buffer_size=GRID_FRAMES, reset=False)
        return block


class Host:
    """Answers the parent's messages; each `do_` method is one of them."""

    def __init__(self, memory: SharedMemory) -> None:
        self._memory = memory
        self._load_one: Any = None
        self._widths: list[int] = []
        self._voices: list[Voice] = []
        self._idle: dict[int, list[Voice]] = {1: [], 2: []}
        self._runs: dict[int, tuple[float, list[Voice]]] = {}

    def answer(self, message: Message) -> Message:
        """Do what the message asks."""
        asked = dict(message)
        reply: Message = getattr(self, f"do_{asked.pop('do')}")(**asked)
        return reply

    def do_load(self, path: str, plugin_name: str | None, state: str | None) -> Message:
        """Load the bundle, find out what it takes, and restore its state."""
        self._load_one = lambda: load_instance(path, plugin_name)
        first = self._load_one()
        parameters = describe_parameters(first)
        defaults = read_values(first)
        self._widths = [width for width in (1, 2) if _takes(first, width)]
        if not self._widths:
            raise Refused(f"{first.name} takes neither one channel nor two")
        _make_reset_clear(first, self._widths[-1])
        if state is not None:
            first.raw_state = base64.b64decode(state)
        self._keep(Voice(first, self._widths[-1]))
        return {
            "name": first.name,
            "widths": self._widths,
            "parameters": parameters,
            "defaults": defaults,
            "values": read_values(first),
            "latency_frames": first.reported_latency_samples,
        }

    def do_set(self, values: dict[str, Any]) -> Message:
        """Set parameters on every instance, running ones included."""
        for voice in self._voices:
            write_values(voice.plugin, values)
            voice.is_stale = True
        return self.do_values()

    def do_values(self) -> Message:
        """What the parameters are set to."""
        return {"values": read_values(self._voices[0].plugin)}

    def do_state(self, ended: Sequence[int]) -> Message:
        """The plugin's whole state, from an instance that no run is using: it is fed a block to be up to date."""
        self._release(ended)
        voice = self._take(self._voices[0].width)
        voice.settle()
        self._idle[voice.width].insert(0, voice)
        return {"state": base64.b64encode(voice.plugin.raw_state).decode()}

    def do_start(self, run: int, sample_rate_hz: float, channels: int, ended: Sequence[int]) -> Message:
        """Make instances ready for a new piece of audio, those of ended runs before new ones."""
        self._release(ended)
        voices = [self._take(width) for width in self._layout(channels)]
        for voice in voices:
            voice.settle()
        self._runs[run] = (sample_rate_hz, voices)
        return {}

    def do_block(self, run: int, channels: int, frames: int) -> Message:
        """Process what is in the shared memory, in place."""
        rate_hz, voices = self._runs[run]
        audio = self._memory.audio(channels, frames)
        self._memory.is_busy = True
        try:
            done = _process_groups(voices, audio, rate_hz)
        finally:
            self._memory.is_busy = False
        _drop_old_noise()
        np.concatenate(done, axis=0, out=self._memory.audio(channels, done[0].shape[1]))
        latency = int(voices[0].plugin.reported_latency_samples)
        return {"frames": done[0].shape[1], "latency_frames": latency}

    def _release(self, ended: Sequence[int]) -> None:
        """Take back the instances of runs that are over."""
        for number in ended:
            for voice in self._runs.pop(number, (0.0, []))[1]:
                self._idle[voice.width].append(voice)

    def _layout(self, channels: int) -> list[int]:
        """The widths of the instances: pairs where the plugin takes pairs, else one a channel."""
        if 2 not in self._widths:
            return [1] * channels
        odd = [self._widths[0]] if channels % 2 else []
        return [2] * (channels // 2) + odd

    def _take(self, width: int) -> Voice:
        """An idle instance, of either width if the plugin takes both, else a new one that sounds like the first."""
        for idle in (self._idle[width], *self._idle.values()):
            if idle:
                voice = idle.pop(0)
                voice.is_stale = voice.is_stale or voice.width != width
                voice.width = width
                return voice
        voice = Voice(self._load_one(), width)
        voice.plugin._reload_type = self._voices[0].plugin._reload_type
        copy_values(self._voices[0].plugin, voice.plugin)
        self._keep(voice, is_idle=False)
        return voice

    def _keep(self, voice: Voice, is_idle: bool = True) -> None:
        self._voices.append(voice)
        if is_idle:
            self._idle[voice.width].append(voice)


def _process_groups(voices: list[Voice], audio: Audio, rate_hz: float) -> list[Audio]:
    done, first = [], 0
    for voice in voices:
        done.append(voice.process(audio[first : first + voice.width], rate_hz))
        first += voice.width
    counts = {block.shape[1] for block in done}
    if len(counts) != 1:
        raise Refused(f"its instances held back different numbers of frames: {sorted(counts)}")
    return done


def load_instance(path: str, plugin_name: str | None) -> Any:
    """One instance of an effect, or Refused with the names to choose from."""
    from pedalboard import VST3Plugin

    try:
        # No time to warm up: pedalboard gives that to instruments alone, which are refused below.
        plugin = VST3Plugin(path, plugin_name=plugin_name, initialization_timeout=0.0)
    except ImportError as error:
        raise Refused(
            f"expected a VST3 effect that loads, but: {str(error).splitlines()[0]} The file may be damaged, or a "
            "library missing that it needs (on Linux `ldd` names those); install the plugin again"
        ) from error
    except ValueError as error:
        names = VST3Plugin.get_plugin_names_for_file(path)
        if len(names) < 2:
            raise
        what = "no plugin_name" if plugin_name is None else f"plugin_name = {plugin_name!r}"
        raise Refused(f"expected plugin_name to be one of {', '.join(sorted(names))}, found {what}") from error
    if plugin_name is not None and plugin.name != plugin_name:
        raise Refused(f"expected plugin_name = {plugin.name!r}, the only one in it, found {plugin_name!r}")
    if not plugin.is_effect:
        raise Refused(f"expected an effect, found {plugin.name}, an instrument, which takes no audio")
    return plugin


def _takes(plugin: Any, width: int) -> bool:
    try:
        plugin.process(np.zeros((width, GRID_FRAMES), dtype=np.float32), _TRIAL_RATE_HZ, GRID_FRAMES, reset=False)
    except ValueError:
        return False
    return True


def _make_reset_clear(plugin: Any, width: int) -> None:
    """Where the same noise comes out differently after a reset, let pedalboard rebuild the plugin at every reset."""
    kinds = type(plugin._reload_type)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (width, GRID_FRAMES * _TRIAL_BLOCKS)).astype(np.float32)
    outputs = []
    for _ in range(2):
        plugin.reset()
        outputs.append(plugin.process(noise, _TRIAL_RATE_HZ, GRID_FRAMES, reset=False))
    if not np.array_equal(*outputs):
        plugin._reload_type = kinds.PersistsAudioOnReset
    plugin.reset()


def _drop_old_noise() -> None:
    """Keep what the plugin prints from growing with the length of the file; only its last words are ever read."""
    if os.fstat(2).st_size > _NOISE_BYTES:
        os.ftruncate(2, 0)
        os.lseek(2, 0, os.SEEK_SET)

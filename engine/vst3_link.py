"""The parent's end of one child process: start it, ask it things within a time limit, and always be rid of it.

What always holds: a child that dies, hangs or is stopped costs the caller one PluginCrashed within the limit and is
killed and reaped by then; a child ends with its Link, with the interpreter, and with the parent process however that
dies. The same code serves Linux, macOS and Windows; it has been run on Linux only.
"""

import itertools
import os
import signal
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import IO

from rebounce.engine.audio import Audio
from rebounce.engine.errors import PluginCrashed
from rebounce.engine.vst3_wire import Message, SharedMemory, anonymous_file, read_message, write_message

START_LIMIT_S = 60.0
_KILL_LIMIT_S = 10.0
_LEAVE_LIMIT_S = 1.0
_TAIL_BYTES = 4096
_numbers = itertools.count(1)


class Link:
    """One child process; `label` names the plugin in errors."""

    def __init__(self, label: str, first: Message) -> None:
        self.label = label
        self._child = _Child(first)
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._finalizer = weakref.finalize(self, _end, self._child, self._owner)
        threading.Thread(target=_look_after, args=(self._child,), name=f"plugin {label}", daemon=True).start()
        self._receive(START_LIMIT_S)

    @property
    def pid(self) -> int:
        """The child's process id."""
        assert self._child.process is not None, "it has answered, so it was started"
        return self._child.process.pid

    @property
    def is_busy(self) -> bool:
        """True while the plugin is working on a block."""
        return self._child.memory.is_busy

    def is_usable(self) -> bool:
        """True while the child lives and is this process's own: after a fork it belongs to the process that forked."""
        return self._owner == os.getpid() and not self._child.has_ended.is_set()

    def ask(self, message: Message, limit_s: float) -> Message:
        """The child's answer, or PluginCrashed within the limit."""
        with self._lock:
            return self._ask(message, limit_s)

    def hear_first(self, limit_s: float) -> Message:
        """The answer to the message that the child was started with."""
        with self._lock:
            return self._receive(limit_s)

    def process(self, run: int, audio: Audio, target: Audio, limit_s: float) -> Message:
        """One message's worth of audio through the plugin into `target`; the answer says how many frames came out."""
        channels, frames = audio.shape
        with self._lock:
            self._child.memory.audio(channels, frames)[:] = audio
            reply = self._ask({"do": "block", "run": run, "channels": channels, "frames": frames}, limit_s)
            ready = int(reply.get("frames", 0))
            target[:, :ready] = self._child.memory.audio(channels, ready)
        return reply

    def close(self) -> None:
        """End the child and wait until it is gone."""
        self._finalizer()

    def _ask(self, message: Message, limit_s: float) -> Message:
        if not self.is_usable():
            raise self._crashed("its process had ended before")
        try:
            with suppress(OSError):  # the other end is gone: what is received next says how
                write_message(self._child.pipe_in(), message)
            return self._receive(limit_s)
        except PluginCrashed:
            raise
        except BaseException:
            self._child.kill()  # Ctrl-C: an answer still to come would be taken for the answer to the next question
            raise

    def _receive(self, limit_s: float) -> Message:
        try:
            reply = self._child.replies.get(timeout=limit_s)
        except Empty:
            self._child.kill()
            raise self._crashed(f"it gave none within {limit_s:g} s and was ended") from None
        if reply is None:
            raise self._crashed(self._child.how_it_ended())
        return reply

    def _crashed(self, what: str) -> PluginCrashed:
        words = self._child.last_words
        said = f' (it last printed: "{words}")' if words else ""
        return PluginCrashed(
            f"{self.label}: expected an answer from the plugin, but {what}{said}; this is a fault in the plugin, "
            "nothing else was harmed - try again, update the plugin, or take it out of the chain"
        )


class _Child:
    """What the thread that looks after a child needs: not the Link, so that an unused Link can be collected."""

    def __init__(self, first: Message) -> None:
        self.first = first
        self.scratch = anonymous_file()
        self.noise = anonymous_file()
        self.memory = SharedMemory.create(self.scratch, f"rebounce-{os.getpid()}-{next(_numbers)}")
        self.replies: SimpleQueue[Message | None] = SimpleQueue()
        self.process: subprocess.Popen[bytes] | None = None
        self.has_ended = threading.Event()
        self.last_words = ""

    def start(self) -> None:
        # -P: a folder that happens to hold a numpy.py must not matter. A new process and not multiprocessing, whose
        # spawn imports the user's script a second time.
        handed_down = () if sys.platform == "win32" else (self.scratch.fileno(),)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rebounce.engine.vst3_child", str(os.getpid()), self.memory.address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.noise,
            pass_fds=handed_down,
        )

    def pipe_in(self) -> IO[bytes]:
        assert self.process is not None
        assert self.process.stdin is not None
        return self.process.stdin

    def pipe_out(self) -> IO[bytes]:
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout

    def kill(self) -> None:
        """End the child now and wait until it is reaped; SIGKILL ends a stopped process too."""
        if self.process is not None:
            self.process.kill()
        self.has_ended.wait(_KILL_LIMIT_S)

    def leave(self) -> None:
        """Let the child end by itself, which it does at the end of its input."""
        if self.process is not None:
            with suppress(OSError):  # it is gone already
                self.pipe_in().close()
        if not self.has_ended.wait(_LEAVE_LIMIT_S):
            self.kill()

    def clean_up(self) -> None:
        """After the last answer: reap, keep the last words, close what is open."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.pipe_out().close()
            with suppress(OSError):
                self.pipe_in().close()
        self.last_words = _last_line(self.noise)
        self.noise.close()
        self.scratch.close()
        self.has_ended.set()
        self.replies.put(None)

    def how_it_ended(self) -> str:
        code = None if self.process is None else self.process.returncode
        if code is not None and code < 0:
            return f"its process died of {signal.Signals(-code).name}"
        return f"its process ended with exit code {code}"


def _look_after(child: _Child) -> None:
    """Start the child, hand on its answers, and reap it.

    One thread does all of it because Linux ends the child with the thread that started it.
    """
    try:
        child.start()
        write_message(child.pipe_in(), child.first)
        while (reply := read_message(child.pipe_out())) is not None:
            child.replies.put(reply)
    except OSError as error:
        os.write(child.noise.fileno(), f"{error}\n".encode())
    finally:
        child.clean_up()


def _end(child: _Child, owner: int) -> None:
    if os.getpid() == owner:  # a forked copy has no child of its own to end
        child.leave()


def _last_line(noise: IO[bytes]) -> str:
    noise.seek(max(0, noise.seek(0, os.SEEK_END) - _TAIL_BYTES))
    lines = noise.read().decode(errors="replace").replace("\0", "").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")

"""What runs in the child process: `python -m rebounce.engine.vst3_child PARENT MEMORY`.

It reads messages from its standard input, hands them to the host and writes the answers to its standard output. Those
two are taken away from the plugin first: what a plugin prints goes to standard error, which the parent keeps. The child
ends with its parent, however that dies: the kernel sees to it on Linux, the end of the input everywhere.
"""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import IO

from rebounce.engine.vst3_wire import Message, SharedMemory, read_message, write_message

_PR_SET_PDEATHSIG = 1


def main(parent: int, memory_address: str) -> None:
    """Serve until the parent is gone."""
    _leave_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what it means
    requests, replies = _take_pipes()
    queue: SimpleQueue[Message] = SimpleQueue()
    threading.Thread(target=_read_into, args=(requests, queue), daemon=True).start()

    import pedalboard._pedalboard as pedalboard_module

    from rebounce.engine.vst3_host import Host
    from rebounce.engine.vst3_survey import ask_less_often

    pedalboard_module.get_text_for_raw_value = ask_less_often(pedalboard_module.get_text_for_raw_value)
    host = Host(SharedMemory.attach(memory_address))
    write_message(replies, {"is_ready": True})
    while True:
        write_message(replies, _answered(host.answer, queue.get()))


def _answered(answer: Callable[[Message], Message], message: Message) -> Message:
    """The reply, or what went wrong in words: whatever a plugin raises must reach the parent."""
    try:
        return answer(message)
    except Exception as error:
        return {"error": str(error) or type(error).__name__}


def _leave_with(parent: int) -> None:
    """Have the kernel kill this process, even a stopped or hanging one, when the thread that started it ends."""
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it died before the line above
        os._exit(0)


def _take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Input and output for the messages alone; the plugin finds an empty input, and prints to standard error."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    return requests, replies


def _read_into(requests: IO[bytes], queue: "SimpleQueue[Message]") -> None:
    """Hand requests on; at their end leave at once, without the plugin's own clean-up, where many crash."""
    while (message := read_message(requests)) is not None:
        queue.put(message)
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

"""Segments worked on side by side, each on one thread, so that the number of threads does not touch the result.

torch adds up in another order when it splits one segment among threads or takes several in a batch: embeddings move by
up to 5e-6, and now and then a code falls the other way. One segment to a thread gives every segment the same numbers
whatever its neighbours, and is no slower: measured on two cores with encodec at 48 kHz, 14.6 times real time against
13.6 for two threads on one segment, and batches of 8 only cost memory.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

MOST_THREADS = 8
"""A segment of one second takes about 60 MB while it is worked on."""

_SETTING = threading.Lock()


def each_on_one_thread(work: Callable[[T], R], items: Iterable[T]) -> Generator[R, None, None]:
    """`work` of each item, in their order; no more are under way or waiting than torch has threads in this thread.

    Nothing is locked and nothing set between two items, so that it may be nested, walked in turns with another, or
    left in the middle; `closing` it there waits for what is under way and ends its threads.
    """
    threads = min(torch.get_num_threads(), MOST_THREADS)
    if threads == 1:
        yield from map(work, items)
        return
    with _pool(threads) as pool:
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _pool(threads: int) -> ThreadPoolExecutor:
    """So many threads in which torch splits nothing, every one of them started and set."""
    pool = ThreadPoolExecutor(threads, initializer=_split_nothing)
    together = threading.Barrier(threads)
    try:
        for started in [pool.submit(together.wait) for _ in range(threads)]:
            started.result()
    except BaseException:
        together.abort()
        pool.shutdown()
        raise
    return pool


def _split_nothing() -> None:
    """Give torch one thread in the thread that calls this; in every other it keeps what it has.

    `set_num_threads` sets two numbers: that of the calling thread, and that which a thread takes over when it first
    asks. So the new thread asks before the second number is put back, which happens in a thread made for it. Only a
    stranger's thread that first asks in the millisecond between stays at one, which makes it slower and nothing else.
    """
    with _SETTING:
        before = _in_a_new_thread(torch.get_num_threads)
        torch.set_num_threads(1)
        try:
            torch.get_num_threads()
        finally:
            _in_a_new_thread(lambda: torch.set_num_threads(before))


def _in_a_new_thread(call: Callable[[], R]) -> R:
    with ThreadPoolExecutor(1) as single:
        return single.submit(call).result()

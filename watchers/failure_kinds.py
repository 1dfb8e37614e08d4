"""What a failure means for its bounce: whether it may pass, and what its sentence is."""

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from rebounce.engine.errors import DiskFull, RebounceError, StillWritten


class Kind(Enum):
    """What is done about a failure."""

    FINAL = auto()  # it would fail again
    PASSING = auto()  # it is tried again, a number of times
    FULL = auto()  # it waits until the disk has room
    WRITTEN = auto()  # it was not finished after all
    GONE = auto()  # it is not there any more


# Locked, busy, or on a share or disk that does not answer.
PASSING = {
    getattr(errno, name)
    for name in [
        "EAGAIN",
        "EBUSY",
        "ETXTBSY",
        "EDEADLK",
        "EINTR",
        "EIO",
        "ENXIO",
        "ENODEV",
        "ENOMEM",
        "EMFILE",
        "ENFILE",
        "EROFS",
        "ESTALE",
        "ENOTCONN",
        "ESHUTDOWN",
        "EHOSTDOWN",
        "EHOSTUNREACH",
        "ENETDOWN",
        "ENETUNREACH",
        "ENETRESET",
        "ECONNRESET",
        "ECONNREFUSED",
        "ETIMEDOUT",
        "EREMOTEIO",
    ]
    if hasattr(errno, name)
}
SHARING_VIOLATIONS = (32, 33)  # what Windows says of a file that another program keeps for itself
OUT_OF_MEMORY = ("out of memory", "failed to allocate memory", "cuda_error_out_of_memory", "cublas_status_alloc_failed")
# What a staged file is called means nothing to anybody.
_PART = re.compile(r"(?<![^\s/\\])\.([^/\\]+?)~[0-9a-f]{8}\.rebounce\.part")
MOST_WAIT_S = 1800.0
FIRST_WAIT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A failure, judged: one plain sentence without the path it began with."""

    kind: Kind
    sentence: str


def judge(problem: BaseException, source: Path) -> Failing:
    """What is to be done about what went wrong with a bounce."""
    return Failing(kind=_kind(problem, source), sentence=_sentence(problem, source))


def wait_s(tries: int) -> float:
    """How long to wait after so many tries: longer each time."""
    return min(FIRST_WAIT_S * 4.0 ** min(tries, 10), MOST_WAIT_S)  # a large power is no float any more


def _kind(problem: BaseException, source: Path) -> Kind:
    if isinstance(problem, StillWritten):
        return Kind.WRITTEN
    if isinstance(problem, DiskFull):
        return Kind.FULL
    for cause in _causes(problem):
        if isinstance(cause, FileNotFoundError) and not source.exists():
            return Kind.GONE
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return Kind.FULL
        if _may_pass(cause, source):
            return Kind.PASSING
    return Kind.FINAL


def _may_pass(problem: BaseException, source: Path) -> bool:
    if isinstance(problem, MemoryError):
        return True
    if isinstance(problem, OSError) and (
        problem.errno in PASSING or getattr(problem, "winerror", None) in SHARING_VIOLATIONS
    ):
        return True
    # Errors name the file, which may be called anything.
    said, place = str(problem).lower(), str(source).lower()
    return any(words in said and words not in place for words in OUT_OF_MEMORY)


def _causes(problem: BaseException | None) -> Iterator[BaseException]:
    while problem is not None:
        yield problem
        problem = problem.__cause__


def _sentence(problem: BaseException, source: Path) -> str:
    if isinstance(problem, MemoryError):
        return "the memory is used up; close other programs, or use fewer jobs"
    if isinstance(problem, RebounceError | OSError):
        text = _PART.sub(r"\1", str(problem)).removeprefix(f"{source}: ")
        return text.replace(", or choose another with -o", "")
    return f"unexpected {type(problem).__name__}: {problem}; please report it"

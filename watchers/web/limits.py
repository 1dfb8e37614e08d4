"""How much of the page whoever asks may hold, so that nobody takes it from the others."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most connections and open streams at a time, and how long a request may take to come in whole."""

    connections: int = 256
    streams: int = 64
    request_s: float = 10.0

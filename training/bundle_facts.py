"""Everything about a bundle that is no tensor, as one JSON text: written, sealed, and read with its types.

What always holds: the text of equal facts is the same text; the seal, a SHA-256 over all the rest, is found broken
where as much as one digit was changed; what is read has the type and the range that it must have, or is a ValueError
that names the place.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NoReturn

from rebounce.engine.errors import UsageError
from rebounce.engine.tokens import Framing
from rebounce.training.bundle_item import Bundle
from rebounce.training.damage import Damage, damage_from_data, damage_to_data

VERSION = 1
SEAL = "sha256"


def facts_of(bundle: Bundle) -> dict[str, Any]:
    """All that is no tensor, as JSON takes it."""
    framing = bundle.framing
    return {
        "version": VERSION,
        "damage": damage_to_data(bundle.damage),
        "track": {
            "sha256": bundle.track_sha256,
            "name": bundle.track_name,
            "sample_rate_hz": bundle.source_sample_rate_hz,
            "channels": bundle.source_channels,
        },
        "item": {
            "stage": bundle.stage,
            "exercise": bundle.exercise,
            "split": bundle.split,
            "seed": bundle.seed,
            "index": bundle.index,
            "start_frame": bundle.start_frame,
            "frames": bundle.clean.frames,
        },
        "codec": {
            "id": bundle.clean.codec_id,
            "weights_sha256": bundle.weights_sha256,
            "sample_rate_hz": bundle.clean.sample_rate_hz,
            "codebook_size": bundle.codebook_size,
            "segment_frames": framing.segment_frames,
            "stride_frames": framing.stride_frames,
            "hop_frames": framing.hop_frames,
        },
    }


def sealed_text(facts: Mapping[str, Any]) -> str:
    """The facts as text, with the seal; UsageError where JSON has no word for them."""
    try:
        plain = _text({name: value for name, value in facts.items() if name != SEAL})
    except (TypeError, ValueError) as problem:
        raise UsageError(f"bundle: expected parameters that JSON can hold, found others: {problem}") from problem
    return _text({**facts, SEAL: hashlib.sha256(plain.encode()).hexdigest()})


def read_facts(text: str) -> "Facts":
    """The facts of a text, once their version is known to be ours and their seal to be whole."""
    values = json.loads(text)
    facts = Facts("header", values)
    version = facts.whole("version")
    if version != VERSION:
        raise ValueError(f"expected version {VERSION}, found version {version}")
    expected = facts.sha256(SEAL)
    plain = _text({name: value for name, value in values.items() if name != SEAL})
    if hashlib.sha256(plain.encode()).hexdigest() != expected:
        raise ValueError(f"expected a text with the SHA-256 {expected[:12]}, found another; it is damaged")
    return facts


class Facts:
    """One table of the facts; `place` names it where something in it is not as it must be."""

    def __init__(self, place: str, values: Any) -> None:
        if not isinstance(values, dict):
            raise ValueError(f"{place}: expected a table, found {values!r:.40}")
        self.place = place
        self.values = values

    def table(self, name: str) -> "Facts":
        """A table within this one."""
        return Facts(name, self._value(name))

    def text(self, name: str) -> str:
        """A text, which may be empty."""
        value = self._value(name)
        return value if isinstance(value, str) else self._refuse(name, "a text")

    def sha256(self, name: str) -> str:
        """64 hex digits."""
        value = self.text(name)
        is_hash = len(value) == 64 and set(value) <= set("0123456789abcdef")
        return value if is_hash else self._refuse(name, "64 hex digits")

    def whole(self, name: str, least: int = 0) -> int:
        """A whole number of at least so much; true and 1.0 are none."""
        value = self._value(name)
        if type(value) is not int or value < least:
            self._refuse(name, f"a whole number of {least} or more")
        return value

    def framing(self) -> Framing:
        """How the codec cuts audio up."""
        segment, stride, hop = (self.whole(f"{name}_frames", 1) for name in ("segment", "stride", "hop"))
        if not hop <= stride <= segment:
            raise ValueError(f"{self.place}: segments of {segment} frames every {stride}, {hop} a token leave gaps")
        return Framing(segment_frames=segment, stride_frames=stride, hop_frames=hop)

    def damage(self, name: str) -> Damage:
        """The faults in their order."""
        value = self._value(name)
        if not isinstance(value, list):
            self._refuse(name, "a list of faults")
        for number, item in enumerate(value):
            fault = Facts(f"{name}[{number}]", item)
            fault.text("fault")
            fault.table("parameters")
        return damage_from_data(value)

    def _value(self, name: str) -> Any:
        if name not in self.values:
            raise ValueError(f"{self.place}.{name}: expected it, found no such entry")
        return self.values[name]

    def _refuse(self, name: str, expected: str) -> NoReturn:
        raise ValueError(f"{self.place}.{name}: expected {expected}, found {self.values[name]!r:.40}")


def _text(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, allow_nan=False, sort_keys=True, separators=(",", ":"))

"""Auto with all its detectors on audio that nobody tuned it for."""

import numpy as np
import pytest
from awkward_audio import awkward_pieces
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.engine.auto import Auto
from rebounce.engine.inspection.finding import LEFT

NAMES = sorted(awkward_pieces(8_000))


def treated(audio: Audio, rate: int) -> tuple[Audio, Auto]:
    plugin = Auto()
    return plugin(audio, rate), plugin


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_breaks_and_nothing_changes_that_is_not_told(name: str, rate: int) -> None:
    audio = awkward_pieces(rate)[name]
    made, plugin = treated(audio, rate)
    assert made.shape == audio.shape
    assert np.isfinite(made).all()
    findings = plugin.findings()
    assert findings is not None
    is_told = any(finding.action != LEFT for finding in findings) and plugin.notes() != []
    assert np.array_equal(made, audio) or is_told


@pytest.mark.parametrize(
    "name", ["silence", "no frames", "one frame", "a tone", "a constant fade", "six channels", "absurdly loud"]
)
def test_what_has_no_fault_comes_back_bit_for_bit(name: str) -> None:
    pieces = awkward_pieces(44_100) | {"a constant fade": noise(88_200) * np.linspace(1, 0, 88_200, dtype=np.float32)}
    made, _ = treated(pieces[name], 44_100)
    assert np.array_equal(made, pieces[name])

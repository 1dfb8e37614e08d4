"""Golden results: numbers that may only change on purpose. `make golden` rewrites them; look at the diff first.

Each case is a JSON file with the numbers, their tolerance and where they come from. Tolerances leave room for other
processors, whose arithmetic differs in the last bits, and for nothing else.
"""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from rebounce.engine.audio import Audio
from rebounce.engine.meters import Meters
from rebounce.engine.preset import load_preset
from rebounce.training.music import make_mix
from rebounce.training.tired_transfer import damage

HERE = Path(__file__).parent
RATE_HZ = 44_100


def numbers_of(audio: Audio) -> dict[str, float]:
    """Loudness, true peak, RMS of each channel, and the level of six bands, in dB."""
    meters = Meters(RATE_HZ, len(audio))
    meters.add(audio)
    level = meters.level()
    assert level.lufs is not None
    assert level.true_peak_dbtp is not None
    numbers = {"lufs": level.lufs, "true_peak_dbtp": level.true_peak_dbtp}
    for channel, name in zip(audio, ("left", "right"), strict=True):
        numbers[f"rms_{name}_db"] = float(10 * np.log10(np.square(channel, dtype=np.float64).mean()))
    powers = np.abs(np.fft.rfft(audio.astype(np.float64))).mean(axis=0) ** 2
    edges_hz = (20, 150, 600, 2400, 6000, 12_000, 20_000)
    for low, high in itertools.pairwise(edges_hz):
        band = powers[int(low * audio.shape[1] / RATE_HZ) : int(high * audio.shape[1] / RATE_HZ)]
        numbers[f"band_{low}_{high}_db"] = float(10 * np.log10(band.mean()))
    return numbers


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_five_stage_gives_what_it_gave(strength: float, request: pytest.FixtureRequest) -> None:
    path = HERE / "five_stage" / f"strength_{strength:g}.json"
    damaged = damage(make_mix(7, 12.0, RATE_HZ).audio, RATE_HZ, 7)
    found = numbers_of(load_preset("five-stage").at_strength(strength)(damaged, RATE_HZ))
    if request.config.getoption("--rewrite-golden"):
        case = {
            "from": f"make_mix(7, 12 s) after damage(seed 7), through five-stage at strength {strength:g}",
            "tolerance_db": 0.05,
            "numbers": {name: round(value, 3) for name, value in found.items()},
        }
        path.write_text(json.dumps(case, indent=2) + "\n", encoding="utf-8")
    case = json.loads(path.read_text(encoding="utf-8"))
    assert found == pytest.approx(case["numbers"], abs=case["tolerance_db"])

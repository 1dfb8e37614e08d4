"""What a browser really plays: both sides of a bounce, taken from the audio graph and compared sample by sample."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from page_browsing import TIMES, until
from page_folders import RATE_HZ
from playwright.sync_api import Page
from scipy import fft

from rebounce.engine.audio import Audio
from rebounce.watchers.status import Watched

FARTHEST_S = 0.5

# Two sources side by side in one stream of samples, so that whatever the machine does, they are of the same moment.
TAP = """
window.taken = [];
window.isTaking = false;
const makeSource = AudioContext.prototype.createMediaElementSource;
let merger = null, count = 0;
AudioContext.prototype.createMediaElementSource = function (element) {
  const source = makeSource.call(this, element);
  if (!merger) {
    merger = this.createChannelMerger(2);
    const tap = this.createScriptProcessor(4096, 2, 1);
    tap.onaudioprocess = ({ inputBuffer }) => {
      if (isTaking) taken.push([0, 1].map((side) => Array.from(inputBuffer.getChannelData(side))));
    };
    merger.connect(tap).connect(this.destination);
    window.tap = tap;
    window.tapRateHz = this.sampleRate;
  }
  const split = this.createChannelSplitter(2);
  source.connect(split);
  split.connect(merger, 0, count++ % 2);
  return source;
};
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came out of both sides in the same moments, `(sides, frames)`."""

    audio: NDArray[np.float64]
    rate_hz: float

    @property
    def apart_s(self) -> float:
        """By how much the second side is behind the first, from the phases of what they have in common alone."""
        length = 1 << (2 * self.audio.shape[1] - 1).bit_length()
        first, second = fft.rfft(self.audio, length, axis=1)
        common = second * np.conj(first)
        shifts = fft.irfft(common / (np.abs(common) + 1e-9 * np.abs(common).max()), length)
        most = round(FARTHEST_S * self.rate_hz)
        near = np.concatenate([shifts[-most:], shifts[: most + 1]])
        return float(int(np.argmax(near)) - most) / self.rate_hz

    @property
    def level_db(self) -> float:
        """By how much the second side is louder."""
        power = np.mean(self.audio**2, axis=1)
        return float(10 * np.log10(power[1] / power[0]))


def unlike_itself(seconds: float, seed: int = 0) -> Audio:
    """Bursts of notes and noise that never come twice, dense here and sparse there: a coder spends unlike bytes on
    them, and a place is known by its sound."""
    random = np.random.default_rng(seed)
    frames = round(seconds * RATE_HZ)
    audio = np.zeros((2, frames))
    at_s = 0.0
    while at_s < seconds - 0.1:
        time_s = np.arange(round(random.uniform(0.1, 0.5) * RATE_HZ)) / RATE_HZ
        note = np.sin(2 * np.pi * random.uniform(100, 2000) * time_s) + 0.7 * random.standard_normal(time_s.size)
        start = round(at_s * RATE_HZ)
        part = (note * np.exp(-9 * time_s))[: frames - start]
        audio[:, start : start + part.size] += random.uniform(0.05, 0.2, (2, 1)) * part
        at_s += random.uniform(0.02, 0.1 if int(at_s) // 7 % 2 else 0.6)
    return audio.astype(np.float32)


def heard(page: Page, seconds: float = 1.2) -> Heard:
    """Listen to both sides for a while."""
    page.evaluate("() => { taken = []; isTaking = true; }")
    until(page, f"taken.length * 4096 > {seconds} * tapRateHz")
    taken: list[list[list[float]]] = page.evaluate("() => { isTaking = false; return taken; }")
    return Heard(audio=np.concatenate(np.array(taken), axis=1), rate_hz=page.evaluate("tapRateHz"))


def heard_in_step(page: Page, within_s: float) -> Heard:
    """What is heard once both sides are in step; the last that was heard where they never are."""
    for _ in range(6):
        sound = heard(page)
        if abs(sound.apart_s) < within_s:
            break
    return sound


def seek_to(page: Page, share: float) -> None:
    """Move the position, and wait until both sides have gone on from there."""
    to_s: float = page.evaluate(
        """(share) => {
            const range = document.querySelector(".seek input");
            range.value = String(share * Number(range.max));
            range.dispatchEvent(new Event("input"));
            return Number(range.value);
        }""",
        share,
    )
    until(page, f"{TIMES}.every((time) => time > {to_s + 0.7} && time < {to_s + 30})")


def encoded(watched: Watched, path: str, audio: Audio, subtype: str, **how: Any) -> Path:
    """A bounce, written piece by piece: given a minute at once, libsndfile's coders overflow their stack."""
    place = watched.layout.at(path)
    with soundfile.SoundFile(place, "w", RATE_HZ, len(audio), subtype, **how) as file:
        for start in range(0, audio.shape[1], RATE_HZ):
            file.write(audio[:, start : start + RATE_HZ].T)
    return place

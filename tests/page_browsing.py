"""The page as a browser shows it: how the browser is started, and what tests ask of the page again and again."""

import re

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--autoplay-policy=user-gesture-required",
]
# Keeps every gain of the audio graph where a test can read what is really set.
KEEP_GAINS = """
window.gains = [];
const make = BaseAudioContext.prototype.createGain;
BaseAudioContext.prototype.createGain = function () {
  const gain = make.call(this);
  window.gains.push(gain);
  return gain;
};
"""
GAINS = "gains.map((gain) => gain.gain.value)"
TIMES = "[...document.querySelectorAll('audio')].map((audio) => audio.currentTime)"


def is_complaint(said: ConsoleMessage) -> bool:
    """Whether the browser found something wrong; that a wish was refused, with 409, is none of it."""
    return said.type in ("error", "warning") and "status of 409" not in said.text


def until(page: Page, claim: str) -> None:
    """Wait until a claim about the page is true; its policy forbids what Playwright has for this."""
    for _ in range(1000):
        if page.evaluate(claim):
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"{claim}: positions {page.evaluate(TIMES)}, gains {page.evaluate(GAINS)}")


def opener(page: Page, name: str) -> Locator:
    """The button that opens a finished file."""
    return page.locator(".open").filter(has=page.locator(".name", has_text=name))


def opened(page: Page, name: str) -> Locator:
    """All there is of a finished file, with its pictures drawn."""
    opener(page, name).click()
    detail = page.get_by_role("listitem").filter(has=opener(page, name)).locator(".detail")
    expect(detail.locator("figure img").first).to_be_visible(timeout=60_000)
    return detail


def playing(page: Page, detail: Locator) -> None:
    """Press play, and wait until it can be heard."""
    detail.get_by_role("button", name="Play").click()
    until(page, f"{TIMES}.every((time) => time > 0.2)")


def luminance(colour: str) -> float:
    """How bright a colour is that a browser tells, from 0 to 1."""
    shares = [int(share) / 255 for share in re.findall(r"\d+", colour)[:3]]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """How well two colours are told apart, from 1 to 21."""
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)

"""The page over the real service: drop a file, see it progress, hear both versions, retry a failure, run it again."""

import re
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
import soundfile
from page_browsing import GAINS, TIMES, opened, opener, playing, until
from page_folders import RATE_HZ, mix
from playwright.sync_api import Page, expect

SECONDS = 40
"""Long enough that its progress is seen, whatever the machine."""

BROKEN = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x63\x00\x01\x00" + bytes(20)


@pytest.fixture
def bounces(tmp_path: Path) -> Path:
    folder = tmp_path / "Bounces"
    folder.mkdir()
    return folder


@pytest.fixture
def page_url(bounces: Path) -> Iterator[str]:
    """Where the page of a service is that runs in a process of its own."""
    config = bounces.parent / "rebounce.toml"
    chains = "\n".join('[[chain]]\nplugin = "Reverb"\nwet_level = 0.1' for _ in range(24))
    (bounces.parent / "slow.toml").write_text(chains + '\n[[chain]]\nplugin = "Finish"\n', encoding="utf-8")
    lines = ['web = "127.0.0.1:0"', "[[folder]]", 'path = "Bounces"', 'preset = "slow.toml"', "settle_s = 0.2"]
    config.write_text("\n".join([*lines, "give_up_s = 0.4", "spare_mb = 0", ""]), encoding="utf-8")
    command = [sys.executable, "-m", "rebounce", "watch", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        try:
            told = next(line for line in service.stderr if "the page is at" in line)
            yield told.split()[-1]
        finally:
            service.terminate()
            service.communicate(timeout=30)
    assert service.returncode == 0


def wave(seconds: float) -> bytes:
    """A mix as a file."""
    file = BytesIO()
    soundfile.write(file, mix(seconds).T, RATE_HZ, subtype="PCM_24", format="WAV")
    return file.getvalue()


def drop(bounces: Path, name: str, content: bytes) -> None:
    """As a DAW that writes elsewhere and renames."""
    hand = bounces.parent / name
    hand.write_bytes(content)
    hand.rename(bounces / name)


def test_a_bounce_is_followed_from_the_drop_to_both_its_versions(page: Page, bounces: Path) -> None:
    drop(bounces, "Mix.wav", wave(SECONDS))
    job = page.locator(".job")
    expect(job).to_contain_text("Mix.wav")
    expect(job).to_contain_text(re.compile(r"\d+%, about .* left"), timeout=30_000)
    expect(opener(page, "Mix.wav")).to_contain_text("Restored", timeout=60_000)
    detail = opened(page, "Mix.wav")
    playing(page, detail)
    until(page, f"Math.abs({GAINS}[0] - 1) < 0.01 && {GAINS}[1] < 0.01")
    detail.get_by_role("button", name="After").click()
    until(page, f"{GAINS}[0] < 0.01 && {GAINS}[1] > 0.01")
    at = page.evaluate(TIMES)
    until(page, f"{TIMES}[1] > {at[1] + 0.2}")
    assert (bounces / "Done/Mix.wav").is_file()


def test_a_failure_is_retried_when_it_was_mended(page: Page, bounces: Path) -> None:
    drop(bounces, "Mix.wav", BROKEN)
    expect(opener(page, "Mix.wav")).to_contain_text("Failed", timeout=30_000)
    (bounces / "Errors/Mix.wav").write_bytes(wave(1))
    page.get_by_role("button", name="Retry Mix.wav").click()
    expect(opener(page, "Mix.wav")).to_contain_text("Restored", timeout=30_000)
    assert not list((bounces / "Errors").iterdir())


def test_a_result_is_made_again_with_another_preset(page: Page, bounces: Path) -> None:
    drop(bounces, "Mix.wav", wave(2))
    expect(opener(page, "Mix.wav")).to_contain_text("Restored", timeout=30_000)
    detail = opened(page, "Mix.wav")
    detail.get_by_label("Run again with").select_option("bypass")
    detail.get_by_role("button", name="Run again").click()
    expect(page.locator(".open")).to_have_count(2, timeout=30_000)
    expect(page.locator(".open").first).to_contain_text("Unchanged")
    assert {path.name for path in (bounces / "Restored").glob("*.wav")} == {"Mix.wav", "Mix (1).wav"}
    assert (bounces / "Restored/Mix.wav").read_bytes() == (bounces / "Done/Mix.wav").read_bytes()

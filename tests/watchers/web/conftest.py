"""A real browser for the tests of the page."""

import os
import shutil
from collections.abc import Iterator

import pytest
from page_browsing import ARGUMENTS, KEEP_GAINS, is_complaint
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium. With REBOUNCE_REQUIRE_CHROMIUM=1 its absence is a failure."""
    program = shutil.which("chromium")
    if program is None:
        if os.environ.get("REBOUNCE_REQUIRE_CHROMIUM") == "1":
            pytest.fail("chromium is missing; install the package chromium")
        pytest.skip("needs a browser: chromium is missing (on Debian: apt install chromium)")
    home = tmp_path_factory.mktemp("home")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=program, args=ARGUMENTS, env={**os.environ, "HOME": str(home)}
        )
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that was never here."""
    with browser.new_context(viewport={"width": 1200, "height": 900}, color_scheme="light") as fresh:
        fresh.add_init_script(KEEP_GAINS)
        yield fresh


@pytest.fixture
def page(context: BrowserContext, page_url: str) -> Iterator[Page]:
    """The page, opened; whatever its scripts or its policy complain of fails the test."""
    tab = context.new_page()
    complaints: list[str] = []
    tab.on("pageerror", lambda problem: complaints.append(str(problem)))
    tab.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
    tab.on("dialog", lambda dialog: complaints.append(dialog.message))
    tab.goto(page_url)
    expect(tab.locator("#link")).to_have_text("Live")
    yield tab
    assert complaints == []

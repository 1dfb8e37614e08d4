"""Options and fixtures that every test may use."""

import os
from pathlib import Path

import pytest

ZAM = Path("/usr/lib/vst3/ZaMaximX2.vst3")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-golden", action="store_true", help="write the golden results anew")
    parser.addoption("--soak", action="store_true", help="run the long proofs in tests/soak too")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The long proofs run only when asked for: `make soak`."""
    is_soak = "soak" in collection_path.relative_to(config.rootpath).parts
    return True if is_soak and not config.getoption("--soak") else None


@pytest.fixture(scope="session")
def zam_folder() -> Path:
    """Where Debian's zam-plugins are: real VST3 bundles. With REBOUNCE_REQUIRE_VST3=1 their absence is a failure."""
    if not ZAM.exists():
        if os.environ.get("REBOUNCE_REQUIRE_VST3") == "1":
            pytest.fail(f"{ZAM} is missing; install the package zam-plugins")
        pytest.skip(f"needs real VST3 bundles: {ZAM} is missing (on Debian: apt install zam-plugins)")
    return ZAM.parent

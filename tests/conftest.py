"""Options and fixtures that every test may use."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

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


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Keep the outcome of the long proofs that were run, each with its commit; those of others stay as they were."""
    if not config.getoption("--soak"):
        return
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    reports = [report for kind in ("passed", "failed", "skipped") for report in terminalreporter.stats.get(kind, [])]
    proofs = {
        report.nodeid: {"commit": commit, "outcome": report.outcome, "seconds": round(report.duration, 1)}
        for report in reports
    }
    path = config.rootpath / "benchmarks" / "results" / "soak.json"
    path.parent.mkdir(exist_ok=True)
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(kept | proofs, indent=2, sort_keys=True) + "\n", encoding="utf-8")

"""The doctor names every model, and says which is damaged or too large."""

import sys
from pathlib import Path

import pytest
from small_packages import MODEL, small_package

from rebounce.engine import doctor_models, model_store
from rebounce.engine.doctor import examine
from rebounce.engine.doctor_models import check_models
from rebounce.engine.model_store import models_folder

pytestmark = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="moves the user's folder as Linux does")


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where bundled packages lie, empty, beside a user's folder that is not there yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for module in (doctor_models, model_store):
        monkeypatch.setattr(module, "bundled_folder", lambda: tmp_path / "bundled")
    return tmp_path / "bundled"


def test_without_models_there_is_one_line_that_says_so(bundled: Path) -> None:
    (check,) = check_models()
    assert (check.name, check.status, check.found) == (
        "models",
        "ok",
        f"none, neither bundled nor in {models_folder()}",
    )


def test_each_model_is_told_with_what_it_is(bundled: Path) -> None:
    package = small_package(bundled / "light")
    small_package(models_folder() / "warm")
    checks = check_models()
    assert [(check.name, check.status) for check in checks] == [("model light", "ok"), ("model warm", "ok")]
    assert checks[0].found.startswith(f"{package.id}, gain, ")
    assert set(checks) <= set(examine(bundled))


def test_a_damaged_model_is_a_problem_where_it_came_with_rebounce_and_a_warning_else(bundled: Path) -> None:
    for folder in (bundled / "light", models_folder() / "warm"):
        (small_package(folder).folder / MODEL).write_bytes(b"damaged")
    light, warm = check_models()
    assert (light.status, warm.status) == ("problem", "warning")
    assert f"light: {MODEL}: expected SHA-256" in light.found
    assert light.advice == "pip install --force-reinstall rebounce"
    assert "rebounce models pull" in str(warm.advice)


def test_a_model_larger_than_the_memory_is_a_warning(bundled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_package(bundled / "light")
    monkeypatch.setattr(doctor_models, "free_memory", lambda: 1_000)
    (check,) = check_models()
    assert (check.status, check.found) == ("warning", "needs 2.1 kB of memory at least, 1.0 kB are free")

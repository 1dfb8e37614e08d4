"""encodec imports with a torchaudio that loads, with one that does not, and with none."""

import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rebounce.engine.errors import CodecError
from rebounce.training.encodec_import import import_encodec

TAKEN_APART = ("encodec", "torchaudio")


def loaded() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] in TAKEN_APART]


@pytest.fixture
def fresh_imports() -> Iterator[None]:
    """As if neither package had been imported yet."""
    before = {name: sys.modules.pop(name) for name in loaded()}
    yield
    for name in loaded():
        del sys.modules[name]
    sys.modules.update(before)


def write_torchaudio(folder: Path, code: str) -> None:
    package = folder / "torchaudio"
    package.mkdir()
    (package / "part.py").write_text("")
    (package / "__init__.py").write_text(f"import torchaudio.part, warnings\nwarnings.warn('old')\n{code}\n")


@pytest.mark.usefixtures("fresh_imports")
@pytest.mark.parametrize("error", ["OSError('no library')", "RuntimeError('another CUDA')", "ImportError('no torch')"])
def test_where_torchaudio_does_not_load_encodec_does_and_no_trace_is_left(
    error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_torchaudio(tmp_path, f"raise {error}")
    monkeypatch.syspath_prepend(tmp_path)
    encodec = import_encodec()
    assert encodec.EncodecModel.__name__ == "EncodecModel"
    assert [name for name in sys.modules if name.startswith("torchaudio")] == []
    with pytest.raises(AttributeError, match=r"torchaudio\.transforms is not there"):
        _ = encodec.utils.torchaudio.transforms


@pytest.mark.usefixtures("fresh_imports")
def test_a_torchaudio_that_loads_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_torchaudio(tmp_path, "answer = 42")
    monkeypatch.syspath_prepend(tmp_path)
    encodec = import_encodec()
    assert encodec.utils.torchaudio.answer == 42
    assert sys.modules["torchaudio"] is encodec.utils.torchaudio
    assert "torchaudio.part" in sys.modules


@pytest.mark.usefixtures("fresh_imports")
def test_what_stood_for_torchaudio_before_stands_there_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    assert import_encodec().EncodecModel.__name__ == "EncodecModel"
    assert sys.modules["torchaudio"] is None


@pytest.mark.usefixtures("fresh_imports")
def test_a_missing_encodec_is_told_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "encodec", None)
    with pytest.raises(CodecError, match=r'cannot be imported.* pip install "rebounce\[train\]"'):
        import_encodec()


def test_a_second_import_gives_the_same_package() -> None:
    assert import_encodec() is import_encodec()


def test_nothing_warns_in_a_fresh_interpreter_that_takes_warnings_for_errors() -> None:
    script = (
        "from rebounce.training.encodec_weights import blank_model\n"
        "import sys, warnings\n"
        "filters = list(warnings.filters)\n"
        "print(blank_model().sample_rate, warnings.filters == filters)\n"
        "stand_in = sys.modules.get('torchaudio')\n"
        "print(stand_in is None or hasattr(stand_in, 'transforms'))"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert (run.stdout.split(), run.stderr) == (["48000", "True", "True"], "")


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """Threads that take turns a thousand times as often as they would."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 1000)
    yield
    sys.setswitchinterval(before)


# Without the lock each time fails in three of four runs.
@pytest.mark.usefixtures("fresh_imports", "restless_threads")
@pytest.mark.parametrize("time", range(3))
def test_threads_that_import_at_once_do_so_one_after_another(
    time: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = tmp_path / "tries"
    write_torchaudio(tmp_path, f"open({str(tries)!r}, 'a').write('x')\nraise OSError('no library')")
    monkeypatch.syspath_prepend(tmp_path)
    filters = list(warnings.filters)
    together = threading.Barrier(6, timeout=30)

    def load() -> object:
        together.wait()
        return import_encodec()

    with ThreadPoolExecutor(6) as pool:
        found = [future.result() for future in [pool.submit(load) for _ in range(6)]]
    assert {id(module) for module in found} == {id(sys.modules["encodec"])}
    assert [name for name in sys.modules if name.startswith("torchaudio")] == []
    # Whoever comes second finds encodec there, and has no more need of torchaudio.
    assert tries.read_text() == "x"
    assert warnings.filters == filters

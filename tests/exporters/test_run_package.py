"""The script in a package runs it with numpy and onnxruntime alone, where rebounce cannot be imported."""

import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile
from restorer_packages import rule_package
from tiny_packages import WINDOW_TOKENS, music, tiny_codec_package, tiny_restorer_package

from rebounce.engine.audio import Audio
from rebounce.engine.codec_models import open_codec_models
from rebounce.engine.codec_settings import codec_settings
from rebounce.engine.model_package import ModelPackage
from rebounce.engine.token_models import UNET

WINDOW = WINDOW_TOKENS * 320
CONTEXT = WINDOW // 10
STEP_24_BIT = 2**-23

# Everything that Python may import: its own library, and a folder that holds numpy and onnxruntime and nothing else.
ALONE = """
import runpy, sys
sys.path.append(sys.argv[1])
try:
    import rebounce
except ImportError:
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")
else:
    sys.exit("rebounce can be imported here")
"""


@pytest.fixture(scope="module")
def only_numpy_and_onnxruntime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    installed = Path(onnxruntime.__file__).parents[1]
    for name in ("numpy", "numpy.libs", "onnxruntime"):
        if (installed / name).exists():
            (folder / name).symlink_to(installed / name)
    return folder


def run(package: ModelPackage, alone: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-S", "-c", ALONE, alone, package.folder / "run.py", *arguments]
    return subprocess.run([str(item) for item in command], capture_output=True, text=True, check=False)


def written(path: Path, audio: Audio, subtype: str = "PCM_24", rate_hz: int = 48_000) -> Path:
    soundfile.write(path, audio.T, rate_hz, subtype=subtype)
    return path


def expected_window(package: ModelPackage, window: Audio) -> Audio:
    """One window through the package, as the engine runs it."""
    models = open_codec_models(package, device="cpu", threads=1)
    scale = np.float32(codec_settings(package).scaling.of(window))
    encoded = models.encode((window / scale)[np.newaxis])
    codes = models.quantise(encoded)
    if UNET not in package.manifest.models:
        round_trip: Audio = models.decode(models.lookup(codes))[0] * scale
        return round_trip
    latents = encoded if package.manifest.settings["latents"] == "encoded" else models.lookup(codes)
    session = package.open("cpu", 1).sessions[UNET]
    change = session.run({"codes": codes, "latents": latents})["latent_change"]
    decoded, restored = models.decode(latents)[0], models.decode(latents + change)[0]
    changed: Audio = window + scale * (restored - decoded)
    return changed


def encoded_rule_package(folder: Path) -> ModelPackage:
    """Of a network that makes of latents, as they were before tokens were chosen, half of what they are."""
    return rule_package(folder, wrong=range(16), latents="encoded")


@pytest.mark.parametrize("make", [tiny_codec_package, tiny_restorer_package, encoded_rule_package])
@pytest.mark.parametrize("frames", [1, 12_345])
def test_the_script_gives_what_the_engine_gives(
    make: type, frames: int, only_numpy_and_onnxruntime: Path, tmp_path: Path
) -> None:
    package: ModelPackage = make(tmp_path / "package")
    source = written(tmp_path / "in.wav", 0.02 * music(3)[:, :frames])
    done = run(package, only_numpy_and_onnxruntime, source, tmp_path / "out.wav")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    audio = soundfile.read(source, dtype="float32")[0].T
    found, rate_hz = soundfile.read(tmp_path / "out.wav", dtype="float64")
    assert (found.shape, rate_hz) == ((frames, 2), 48_000)
    hop = package.manifest.hop_frames
    padded = np.pad(audio, ((0, 0), (CONTEXT, WINDOW)))
    windows = [expected_window(package, padded[:, at : at + WINDOW]) for at in range(0, frames, hop)]
    expected = np.concatenate([window[:, CONTEXT : CONTEXT + hop] for window in windows], axis=1)[:, :frames]
    assert np.abs(expected).max() < 1
    np.testing.assert_allclose(found.T, expected, rtol=0, atol=STEP_24_BIT)
    assert np.abs(found.T - audio).max() > 100 * STEP_24_BIT


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_16", 16), ("PCM_24", 24), ("PCM_32", 32)])
def test_the_script_reads_every_depth_exactly(
    subtype: str, bits: int, only_numpy_and_onnxruntime: Path, tmp_path: Path
) -> None:
    package = tiny_codec_package(tmp_path / "package")
    source = written(tmp_path / "in.wav", music()[:, :500], subtype)
    code = (
        "import json, runpy, sys; sys.path.append(sys.argv[1]); names = runpy.run_path(sys.argv[2]); "
        "made = names['read_wav'](sys.argv[3], {'sample_rate_hz': 48000, 'channels': 2}); "
        "print(json.dumps(made.tolist()))"
    )
    command = [sys.executable, "-I", "-S", "-c", code, only_numpy_and_onnxruntime, package.folder / "run.py", source]
    done = subprocess.run([str(item) for item in command], capture_output=True, text=True, check=True)
    with wave.open(str(source)) as file:
        assert file.getsampwidth() * 8 == bits
    np.testing.assert_array_equal(
        np.array(json.loads(done.stdout), np.float32), soundfile.read(source, dtype="float32")[0].T
    )


def test_the_script_says_what_it_takes(only_numpy_and_onnxruntime: Path, tmp_path: Path) -> None:
    package = tiny_codec_package(tmp_path / "package")
    slow = written(tmp_path / "slow.wav", music(), rate_hz=44_100)
    wrong = run(package, only_numpy_and_onnxruntime, slow, tmp_path / "out.wav")
    none = run(package, only_numpy_and_onnxruntime)
    assert f"{slow}: expected 48000 Hz and 2 channels, found 44100 and 2" in wrong.stderr
    assert none.stderr == "usage: python run.py IN.wav OUT.wav\n"
    assert (wrong.returncode, none.returncode, (tmp_path / "out.wav").exists()) == (1, 1, False)

"""Tokens at run time: a codec in ONNX Runtime against eager PyTorch, and what TokenRestore takes.

Codec: random weights, as speed does not depend on what was learnt. The same audio, as many threads on both sides, in
turns. The rival is what its documentation shows: `model.encode(wav)` and `model.decode(frames)` of the encodec package,
in inference mode, at 24 kbps.
"""

import statistics
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
import torch

from benchmarks.measure import Figure, peak_memory_mib, ratio, spread, times_s
from rebounce import TokenRestore
from rebounce.engine.audio import Audio
from rebounce.engine.model_package import ModelPackage
from rebounce.engine.onnx_codec import open_onnx_codec
from rebounce.exporters.package import write_package
from rebounce.training.encodec_weights import load_model, random_weights
from rebounce.training.exportable import encodec
from rebounce.training.exportable.request import Request
from rebounce.training.music import make_mix

RATE_HZ = 48_000
SECONDS = 10.0
REPEATS = 5
TARGET = 1.5
REBOUNCE = str(Path(sys.executable).with_name("rebounce"))
_HOME = TemporaryDirectory(prefix="codec-speed-")  # which goes with the process

Work = Callable[[], object]


@cache
def _music() -> Audio:
    return make_mix(seed=5, seconds=SECONDS, sample_rate_hz=RATE_HZ).audio


@cache
def _encodec_package() -> ModelPackage:
    """The package of EnCodec's 48 kHz stereo model."""
    request = Request(name="encodec", version="1", licence="none", training_data_card="random weights", music=_music())
    folder = Path(_HOME.name) / "encodec"
    return write_package(encodec.plan(random_weights(0), request), folder).package


def _ours(package: ModelPackage, threads: int) -> Work:
    codec = open_onnx_codec(package, device="cpu", threads=threads)
    return lambda: codec.decode(codec.encode(_music()))


def _encodec_package_itself(threads: int) -> Work:
    model = load_model(random_weights(0), "random weights").eval()
    model.set_target_bandwidth(24.0)
    audio = torch.from_numpy(np.ascontiguousarray(_music()))[None]

    def work() -> None:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            model.decode(model.encode(audio))

    return work


def _figure(name: str, threads: int, package: Callable[[], ModelPackage], rival: Callable[[int], Work]) -> Figure:
    share, detail = ratio(_ours(package(), threads), rival(threads), REPEATS)
    return Figure(
        name=f"{name}, {threads} thread{'s' if threads > 1 else ''}: audio to tokens and back",
        ours=f"onnxruntime, {SECONDS:g} s of stereo",
        rival="eager PyTorch",
        value=1 / share,
        unit="x faster",
        target=f"at least {TARGET:g}x faster",
        is_reached=1 / share >= TARGET,
        detail=detail,
    )


def restorer_speed(least: float, name: str) -> Figure:
    """How fast TokenRestore runs with the model that comes with rebounce."""
    plugin = TokenRestore(least_mask=least, least_change=least, device="cpu")
    times = times_s(lambda: plugin(_music(), RATE_HZ), REPEATS)
    factors = [SECONDS / seconds for seconds in times]
    return Figure(
        name=f"TokenRestore, light, {name}",
        ours=f"in memory, {SECONDS:g} s of stereo at 48 kHz, a window to each core",
        rival="real time",
        value=statistics.median(factors),
        unit="x",
        target="none",
        is_reached=True,
        detail={"factors": spread(factors)},
    )


def restorer_memory() -> Figure:
    """Peak memory of ten minutes less that of one."""
    peaks = {}
    with TemporaryDirectory() as folder:
        chain = Path(folder) / "all.toml"
        chain.write_text('[[chain]]\nplugin = "TokenRestore"\nleast_mask = 0.0\nleast_change = 0.0\n')
        for minutes in (1, 10):
            source = Path(folder) / f"{minutes}.wav"
            turns = round(60 * minutes / SECONDS)
            soundfile.write(source, np.tile(_music(), (1, turns)).T, RATE_HZ, subtype="PCM_24")
            command = (REBOUNCE, "restore", str(source), "-o", f"{folder}/out", "--preset", str(chain), "-q")
            peaks[minutes] = peak_memory_mib(*command)
    value = peaks[10] - peaks[1]
    return Figure(
        name="peak memory, 10 min less 1 min, TokenRestore, every window repaired",
        ours="rebounce restore, a chain of TokenRestore with least_mask = least_change = 0",
        rival="the same with 1 min",
        value=value,
        unit="MiB",
        target="at most 32 MiB",
        is_reached=value <= 32,
        detail={"peak_mib": peaks},
    )


FIGURES: list[Callable[[], Figure]] = [
    *(partial(_figure, "EnCodec 48 kHz", threads, _encodec_package, _encodec_package_itself) for threads in (1, 2)),
    partial(restorer_speed, 0.0, "every window repaired"),
    partial(restorer_speed, 1.0, "nothing found"),
    restorer_memory,
]

"""The figures of what training stands on: degrading, preparing, loading."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.measure import Figure, spread, times_s
from rebounce.training.music import make_mix

RATE_HZ = 44_100
REBOUNCE = str(Path(sys.executable).with_name("rebounce"))
MASTERS, MASTER_S = 16, 30.0
PREPARED, PREPARED_S = 20, 30.0
LOADED_FROM = 4
LOADED, BATCH, SEGMENTS = 96, 4, 8


def degrade_readme() -> Figure:
    """Stage 4 of the curriculum: one to five faults an item, pairs written as 32-bit float."""
    return _degrade("degrade, stage 4 of `readme`, 2 processes", ["--curriculum", "token-unet", "--stage", "4"], 60)


def degrade_mp3() -> Figure:
    """A real encoder and decoder for each item."""
    return _degrade("degrade, recipe `mp3`, 2 processes", ["--recipe", "mp3"], 20)


def _degrade(name: str, options: list[str], target: float) -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        masters = _write_masters(Path(folder) / "masters", MASTERS, MASTER_S)
        command = [REBOUNCE, "degrade", str(masters), "--jobs", "2", "--seed", "1", "-q", *options]
        times = [_timed([*command, "-o", f"{folder}/out{turn}"]) for turn in range(3)]
    factors = [MASTERS * MASTER_S / seconds for seconds in times]
    return Figure(
        name=name,
        ours=f"rebounce degrade, {MASTERS} masters of {MASTER_S:g} s stereo at 44.1 kHz, start-up included",
        rival="real time",
        value=statistics.median(factors),
        unit="x",
        target=f"at least {target:g}x",
        is_reached=statistics.median(factors) >= target,
        detail={"factors": spread(factors), "seconds": spread(times)},
    )


def prepare_scales() -> Figure:
    """The same bundles made on one core and on two."""
    with tempfile.TemporaryDirectory() as folder:
        command = _prepare_command(Path(folder), PREPARED)
        one_s = _timed([*command, "--jobs", "1", "-o", f"{folder}/one"], cores=1)
        two_s = _timed([*command, "--jobs", "2", "-o", f"{folder}/two"], cores=2)
    value = one_s / two_s
    seconds = 2 * PREPARED * PREPARED_S
    return Figure(
        name="prepare, 2 cores against 1",
        ours=f"rebounce prepare --jobs 2 on 2 cores, {PREPARED} masters of {PREPARED_S:g} s, EnCodec at 24 kbps",
        rival="rebounce prepare --jobs 1 held to 1 core",
        value=value,
        unit="x faster",
        target="at least 1.7x faster",
        is_reached=value >= 1.7,
        detail={
            "one_core_s": one_s,
            "two_cores_s": two_s,
            "audio_encoded_over_time_on_two_cores": seconds / two_s,
        },
    )


def loader_keeps_up() -> Figure:
    """Share of a training step that is spent waiting for the next batch."""
    with tempfile.TemporaryDirectory() as folder:
        waits, steps, parameters = _waits_and_steps(_many_bundles(Path(folder)))
    share = sum(waits) / (sum(waits) + sum(steps))
    return Figure(
        name="waiting for the loader, share of a training step",
        ours=f"bundle_loader with 1 worker, batches of {BATCH} x {SEGMENTS} segments",
        rival=f"forward, backward and AdamW of the token U-Net `tiny`, {parameters:,} parameters, on 2 cores",
        value=100 * share,
        unit="%",
        target="under 5%",
        is_reached=share < 0.05,
        detail={"wait_s": spread(waits), "step_s": spread(steps), "batches": len(steps)},
    )


def load_against_encode() -> Figure:
    """What a bundle saves each time an item is used."""
    from rebounce.training.bundle import read_bundle
    from rebounce.training.codecs import open_codec
    from rebounce.training.exercise import draw_item, exercise_of_stage
    from rebounce.training.recipes import load_curriculum
    from rebounce.training.tracks import find_tracks, make_pair

    with tempfile.TemporaryDirectory() as folder:
        bundles = _prepared(Path(folder))
        codec = open_codec("encodec", Path(folder) / "weights.safetensors")
        track = find_tracks([Path(folder) / "masters"]).tracks[0]
        item = draw_item(track.sha256, exercise_of_stage(load_curriculum("token-unet"), "4"), 0)

        def encode() -> None:
            pair = make_pair(track, item, seconds=PREPARED_S, sample_rate_hz=codec.sample_rate_hz, channels=2)
            codec.encode(pair.clean)
            codec.encode(pair.damaged)

        loading = times_s(lambda: read_bundle(bundles[0]), repeats=50)
        encoding = times_s(encode, repeats=3)
    value = statistics.median(encoding) / statistics.median(loading)
    return Figure(
        name=f"loading a bundle of {PREPARED_S:g} s against making its tokens on the fly",
        ours="read_bundle, every check included",
        rival="make_pair and EnCodec at 24 kbps on both sides, torch on 2 cores",
        value=value,
        unit="x faster",
        target="none",
        is_reached=True,
        detail={"load_s": spread(loading), "encode_s": spread(encoding)},
    )


def _prepare_command(folder: Path, masters: int) -> list[str]:
    """Masters and weights in the folder, and what makes bundles of them."""
    from rebounce.training.encodec_weights import random_weights, save_weights

    _write_masters(folder / "masters", masters, PREPARED_S)
    save_weights(folder / "weights.safetensors", random_weights(0))
    options = ["--stages", "4", "--weights", str(folder / "weights.safetensors"), "-q"]
    return [REBOUNCE, "prepare", str(folder / "masters"), *options]


def _prepared(folder: Path) -> list[Path]:
    _timed([*_prepare_command(folder, LOADED_FROM), "--jobs", "2", "-o", str(folder / "bundles")])
    return sorted((folder / "bundles").rglob("*.safetensors"))


def _many_bundles(folder: Path) -> Path:
    """Real bundles, copied until an epoch has `LOADED`; a loader cannot tell, it keeps nothing."""
    made = [path for path in _prepared(folder) if path.parent.name == "train"]
    target = folder / "many" / "4" / "train"
    target.mkdir(parents=True)
    for index in range(LOADED):
        shutil.copyfile(made[index % len(made)], target / f"{index:04}.safetensors")
    return folder / "many"


def _waits_and_steps(bundles: Path) -> tuple[list[float], list[float], int]:
    """Seconds of each wait and of each step of two epochs; the first batches, for which all starts up, are left out."""
    from benchmarks.tiny_training import Training
    from rebounce.training.bundle_loader import bundle_loader
    from rebounce.training.dataset import BundleDataset, Windows

    dataset = BundleDataset(bundles, windows=Windows(segments=SEGMENTS))
    loader = bundle_loader(dataset, batch_size=BATCH, workers=1)
    training = Training(dataset)
    waits, steps = [], []
    for _ in range(2):
        batches = iter(loader)
        while True:
            asked = time.perf_counter()
            batch: Any = next(batches, None)
            if batch is None:
                break
            given = time.perf_counter()
            training.step(batch)
            waits.append(given - asked)
            steps.append(time.perf_counter() - given)
    return waits[3:], steps[3:], training.parameters


@cache
def _mix(seed: int, seconds: float) -> Any:
    return make_mix(seed, seconds, RATE_HZ).audio


def _write_masters(folder: Path, count: int, seconds: float) -> Path:
    """Masters of different content: four mixes, each also turned round by a few seconds."""
    folder.mkdir(parents=True)
    for index in range(count):
        audio = np.roll(_mix(index % 4, seconds), 3 * (index // 4) * RATE_HZ, axis=1)
        soundfile.write(folder / f"master-{index:02}.wav", audio.T, RATE_HZ, subtype="PCM_16")
    return folder


def _timed(command: Sequence[str], cores: int | None = None) -> float:
    """Seconds of a whole command; with `cores`, held to that many of them."""
    allowed = set(sorted(os.sched_getaffinity(0))[:cores])
    started = time.perf_counter()
    subprocess.run(command, check=True, preexec_fn=lambda: os.sched_setaffinity(0, allowed), stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


FIGURES = (degrade_readme, degrade_mp3, prepare_scales, loader_keeps_up, load_against_encode)

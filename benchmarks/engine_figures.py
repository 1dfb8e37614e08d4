"""The figures of the engine: speed, memory, start-up."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pedalboard
import soundfile

from benchmarks import original_five_stage
from benchmarks.measure import Figure, peak_memory_mib, ratio
from rebounce import Board, load_preset
from rebounce.engine.passes import ChainRun
from rebounce.engine.sink import open_sink
from rebounce.engine.source import open_source
from rebounce.engine.target import Target
from rebounce.training.music import make_mix
from rebounce.training.tired_transfer import damage

RATE_HZ = 44_100
BLOCK_FRAMES = 65_536
PYTHON = sys.executable
REBOUNCE = str(Path(PYTHON).with_name("rebounce"))


def bypass() -> Figure:
    """Ten minutes of stereo through reading, core and writing, meters off."""
    with tempfile.TemporaryDirectory() as folder:
        source = _write_music(Path(folder) / "in.wav", minutes=10)
        ours = partial(_through_the_core, source, Path(folder) / "out.wav")
        value, detail = ratio(ours, partial(_bare_loop, source, Path(folder) / "bare.wav"), repeats=9)
    return Figure(
        name="bypass through the core, 10 min stereo, meters off",
        ours="open_source, an empty chain's run, open_sink; not renamed, not synced",
        rival="soundfile, int16 blocks of 65,536 frames (its fastest type)",
        value=value,
        unit="x",
        target="at most 1.5x",
        is_reached=value <= 1.5,
        detail=detail,
    )


def whole_command() -> Figure:
    """`rebounce restore --preset bypass` with meters, hashes and the copy, start-up included and stated."""
    with tempfile.TemporaryDirectory() as folder:
        source = _write_music(Path(folder) / "in.wav", minutes=10)
        command = [REBOUNCE, "restore", str(source), "-o", f"{folder}/out", "--preset", "bypass", "--force", "-q"]
        value, detail = ratio(partial(_run, *command), partial(_bare_loop, source, Path(folder) / "b.wav"), repeats=5)
        default_loop, _ = ratio(
            partial(_run, *command), partial(_default_loop, source, Path(folder) / "d.wav"), repeats=3
        )
        start, start_detail = ratio(
            partial(_run, REBOUNCE, "restore", "--help"), partial(_run, PYTHON, "-c", ""), repeats=5
        )
    return Figure(
        name="the whole command with meters, 10 min stereo",
        ours="rebounce restore in.wav -o out --preset bypass --force",
        rival="soundfile, int16 blocks of 65,536 frames",
        value=value,
        unit="x",
        target="at most 10x",
        is_reached=value <= 10,
        detail=detail
        | {
            "start_up_over_bare_python": start,
            "start_up": start_detail["ours_s"],
            "against_a_loop_in_soundfiles_default_type": default_loop,
        },
    )


def five_stage() -> Figure:
    """The chain, its analyses included, against the recipe of its founding text."""
    audio = damage(make_mix(1, 60.0, RATE_HZ).audio, RATE_HZ, 1)
    value, detail = ratio(
        lambda: load_preset("five-stage")(audio, RATE_HZ),
        lambda: original_five_stage.restore(audio, RATE_HZ),
        repeats=3,
    )
    return Figure(
        name="five-stage, 60 s stereo at 44.1 kHz, array in, array out",
        ours="load_preset('five-stage')(audio, 44100)",
        rival="the original recipe, as we rebuilt it from its text: noisereduce, librosa, pedalboard",
        value=1 / value,
        unit="x faster",
        target="at least 10x faster",
        is_reached=value <= 0.1,
        detail=detail,
    )


def memory() -> Figure:
    """Peak memory of an hour less that of a minute."""
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for minutes in (1, 60):
            source = _write_music(Path(folder) / f"{minutes}.wav", minutes)
            command = (REBOUNCE, "restore", str(source), "-o", f"{folder}/out", "--preset", "five-stage", "-q")
            peaks[minutes] = peak_memory_mib(*command)
            source.unlink()
    value = peaks[60] - peaks[1]
    return Figure(
        name="peak memory, 60 min less 1 min, five-stage",
        ours="rebounce restore --preset five-stage",
        rival="the same with 1 min",
        value=value,
        unit="MiB",
        target="at most 32 MiB",
        is_reached=value <= 32,
        detail={"peak_mib": peaks},
    )


def start_up() -> Figure:
    """How long `--version` takes."""
    value, detail = ratio(partial(_run, REBOUNCE, "--version"), partial(_run, PYTHON, "-c", "import numpy"), repeats=15)
    return Figure(
        name="start-up",
        ours="rebounce --version",
        rival='python -c "import numpy"',
        value=value,
        unit="x",
        target="at most 2x",
        is_reached=value <= 2,
        detail=detail,
    )


def board() -> Figure:
    """Six built-ins in a Board against the same in a Pedalboard."""
    audio = np.random.default_rng(0).normal(0, 0.1, (2, 60 * RATE_HZ)).astype(np.float32)
    ours, theirs = Board(_six_effects()), pedalboard.Pedalboard(_six_effects())
    value, detail = ratio(lambda: ours(audio, RATE_HZ), lambda: theirs(audio, RATE_HZ), repeats=15)
    return Figure(
        name="a Board of six pedalboard built-ins, 60 s stereo",
        ours="Board(effects)(audio, 44100)",
        rival="Pedalboard(effects)(audio, 44100)",
        value=value,
        unit="x",
        target="at most 1.05x",
        is_reached=value <= 1.05,
        detail=detail,
    )


FIGURES: tuple[Callable[[], Figure], ...] = (bypass, whole_command, five_stage, memory, start_up, board)


def _six_effects() -> list[pedalboard.Plugin]:
    return [
        pedalboard.HighpassFilter(30),
        pedalboard.Compressor(-20, 3),
        pedalboard.PeakFilter(1000, 3, 1),
        pedalboard.HighShelfFilter(8000, 2),
        pedalboard.Limiter(-1),
        pedalboard.Gain(-1),
    ]


def _through_the_core(path: Path, target: Path) -> None:
    with open_source(path) as source:
        info = source.info
        plan = Target(
            path=target,
            container=info.container,
            subtype=info.subtype,
            sample_rate_hz=info.sample_rate_hz,
            maker="benchmark",
            replaces=True,
        )
        with open_sink(source, plan) as sink:
            run = ChainRun([], info.sample_rate_hz, info.channels)
            for block in source.blocks():
                sink.write(block, run.push(block.audio))
            sink.write(None, run.finish())
            sink.finish()


def _bare_loop(path: Path, target: Path) -> None:
    with (
        soundfile.SoundFile(path) as reader,
        soundfile.SoundFile(target, "w", reader.samplerate, reader.channels, reader.subtype) as writer,
    ):
        for block in reader.blocks(BLOCK_FRAMES, dtype="int16"):
            writer.write(block)


def _default_loop(path: Path, target: Path) -> None:
    """The loop as its documentation shows it, in float64."""
    with (
        soundfile.SoundFile(path) as reader,
        soundfile.SoundFile(target, "w", reader.samplerate, reader.channels, reader.subtype) as writer,
    ):
        for block in reader.blocks(BLOCK_FRAMES):
            writer.write(block)


def _write_music(path: Path, minutes: float) -> Path:
    """Half a minute of music that is damaged, over and over, so that every stage of a chain has work."""
    half_minute = damage(make_mix(1, 30.0, RATE_HZ).audio, RATE_HZ, 1).T
    with soundfile.SoundFile(path, "w", RATE_HZ, 2, "PCM_16") as file:
        for _ in range(int(minutes * 2)):
            file.write(half_minute)
    return path


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

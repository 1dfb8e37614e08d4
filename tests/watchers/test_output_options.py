"""What is said of a folder's results shapes them: the options reach the engine, and what it cannot do is refused."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from bouncing import HALF, Serving, watch_folder
from service_here import Base
from watch_service import tone_file

from rebounce.engine.devices import choose_device
from rebounce.engine.errors import RebounceError, UsageError
from rebounce.watchers.bounce import State

RATE_HZ = 44_100
LOUD = '[[chain]]\nplugin = "Gain"\ngain_db = 24.0\n'
FULL = 1.0 - 2**-23
Make = Callable[..., Serving]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Serving] = []

    def serve(chain: str = HALF, **settings: Any) -> Serving:
        (tmp_path / "chain.toml").write_text(chain, encoding="utf-8")
        made.append(Serving(watch_folder(tmp_path / "Bounces", str(tmp_path / "chain.toml"), **settings)))
        return made[-1]

    yield serve
    for serving in made:
        serving.close()


def restored(serving: Serving, name: str = "Mix.wav") -> Path:
    """The result of a tone of 24 bits."""
    done = serving.bounce("Mix.wav", tone_file(1))
    assert done.state is State.DONE, done.reason
    return serving.layout.at(f"Restored/{name}")


def test_without_a_word_a_result_is_as_its_bounce(make: Make) -> None:
    info = soundfile.info(restored(make()))
    assert (info.format, info.subtype, info.samplerate) == ("WAV", "PCM_24", RATE_HZ)


def test_the_sample_rate_is_the_one_asked_for(make: Make) -> None:
    before = soundfile.info(restored(make())).frames
    info = soundfile.info(restored(make(sample_rate_hz=48_000)))
    assert (info.samplerate, info.frames) == (48_000, round(before * 48_000 / RATE_HZ))


@pytest.mark.parametrize(("bit_depth", "subtype"), [("16", "PCM_16"), ("24", "PCM_24"), ("32f", "FLOAT")])
def test_the_bit_depth_is_the_one_asked_for(make: Make, bit_depth: str, subtype: str) -> None:
    assert soundfile.info(restored(make(bit_depth=bit_depth))).subtype == subtype


@pytest.mark.parametrize("file_format", ["flac", "mp3", "ogg"])
def test_the_format_is_the_one_asked_for(make: Make, file_format: str) -> None:
    result = restored(make(file_format=file_format), f"Mix.{file_format}")
    assert soundfile.info(result).format == file_format.upper()


def test_what_would_clip_is_handled_as_asked_for(make: Make) -> None:
    found: dict[str, tuple[str, float, float]] = {}
    for clip_mode in ("rescale", "keep", "clamp", "limit"):
        result = restored(make(LOUD, clip_mode=clip_mode))
        samples, _ = soundfile.read(result, always_2d=True)
        middle = float(np.median(np.abs(samples)))
        found[clip_mode] = (soundfile.info(result).subtype, float(np.max(np.abs(samples))), middle)
        shutil.rmtree(result.parent.parent)
    assert found["keep"][:2] > ("FLOAT", 1.5)
    assert {found[mode][0] for mode in ("rescale", "clamp", "limit")} == {"PCM_24"}
    assert found["clamp"][1] >= FULL - 2**-20
    assert found["clamp"][2] == pytest.approx(found["keep"][2], rel=1e-3)
    assert found["rescale"][2] < 0.9 * found["keep"][2]
    assert found["limit"][1] < 10 ** (-0.9 / 20)


# -- the time of a result


@pytest.mark.parametrize("keep_mtime", [True, False])
def test_a_result_computed_or_copied_has_the_time_of_its_bounce_where_that_is_asked_for(
    make: Make, keep_mtime: bool
) -> None:
    serving = make(keep_mtime=keep_mtime)
    computed, copied = (serving.bounce(path, tone_file(1)) for path in ("a.wav", "b.wav"))
    assert copied.record is not None
    assert any("whose result was copied" in message for message in copied.record["messages"])
    assert computed.stamp.mtime_ns != copied.stamp.mtime_ns
    for bounce in (computed, copied):
        time_ns = serving.layout.at(f"Restored/{bounce.path}").stat().st_mtime_ns
        assert (time_ns == bounce.stamp.mtime_ns) == keep_mtime


# -- what cannot be


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Base]:
    base = Base(tmp_path)
    yield base
    base.close()


def has_card() -> bool:
    try:
        choose_device("cuda")
    except RebounceError:
        return False
    return True


def test_a_card_that_is_asked_for_and_is_not_there_is_refused_before_anything_is_touched(base: Base) -> None:
    if has_card():
        pytest.skip("there is a card")
    base.drop("Bounces/Mix.wav", tone_file(1))
    service = base.service(base.folder(preset="token-restore", device="cuda"))
    with pytest.raises(UsageError, match="cuda"):
        service.prepare()
    service.close()
    assert base.files() == {"Mix.wav"}


def test_a_plugin_from_elsewhere_is_loaded_where_it_is_allowed_and_nowhere_else(
    base: Base, tmp_path: Path, zam_folder: Path
) -> None:
    plugin = tmp_path / "plugins/ZaMaximX2.vst3"
    shutil.copytree(zam_folder / "ZaMaximX2.vst3", plugin)
    chain = tmp_path / "zam.toml"
    chain.write_text(f'[[chain]]\nplugin = "{plugin}"\n', encoding="utf-8")
    base.drop("Bounces/Mix.wav", tone_file(1))
    folder = base.folder(preset=str(chain))
    with pytest.raises(UsageError, match="ZaMaximX2"):
        base.once(folder)
    assert base.once(replace(folder, allow_plugins=(str(plugin),))) == 0
    assert "Restored/Mix.wav" in base.files()

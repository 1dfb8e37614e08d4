"""`--codec DIR` of prepare and evaluate: a package's codec in place of EnCodec, with no network and no torch."""

import json
from pathlib import Path

import pytest
from commands import files_below, rebounce, rebounce_many, write
from preparing_masters import CURRICULUM, RECIPE
from signals import noise
from tiny_packages import tiny_codec_package

from rebounce.engine.model_package import ModelPackage
from rebounce.training.bundle import read_bundle


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    return tiny_codec_package(tmp_path_factory.mktemp("codec") / "tiny")


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two masters of three seconds, and a curriculum of two stages."""
    folder = tmp_path_factory.mktemp("setting")
    for number in range(2):
        write(folder / f"masters/{number}.wav", noise(3 * 44_100, seed=number), "PCM_16")
    (folder / "small.recipe.toml").write_text(RECIPE)
    (folder / "small.toml").write_text(CURRICULUM)
    return folder


def prepare(setting: Path, out: Path, *more: object) -> list[object]:
    return ["prepare", setting / "masters", "-o", out, "--curriculum", setting / "small.toml", *more]


def test_bundles_hold_the_tokens_of_the_packages_codec(setting: Path, package: ModelPackage, tmp_path: Path) -> None:
    folders = [tmp_path / str(jobs) for jobs in (1, 2)]
    for jobs, folder in enumerate(folders, 1):
        done = rebounce(*prepare(setting, folder, "--codec", package.folder, "--jobs", jobs, "--json"))
        assert (done.code, len(done.records)) == (0, 4), done.err
    names = files_below(folders[0])
    assert names == files_below(folders[1])
    assert len(names) == 5
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    bundle = read_bundle(next(path for path in (folders[0] / "1").rglob("*.safetensors")))
    assert bundle.clean.codec_id == package.manifest.settings["codec_id"]
    assert bundle.framing.segment_frames == package.manifest.window_frames
    assert bundle.clean.codes.shape == (36, 4, 16)
    assert (bundle.clean.scales != bundle.damaged.scales).all()


def test_an_evaluation_shows_the_ceiling_of_the_packages_codec(setting: Path, package: ModelPackage) -> None:
    done = rebounce(
        "evaluate", "--clean", setting / "masters", "--fault", "gain", "--seconds", 1, "--limit", 1,
        "--scores", "snr_db", "--codec", package.folder, "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    data = json.loads(done.out)
    assert data["asked"]["codec"]["id"] == package.manifest.settings["codec_id"]
    (about,) = [system["about"] for system in data["systems"] if system["name"] == "round trip"]
    assert f"through {package.folder}, " in about


def test_a_codec_that_cannot_be_is_refused_before_anything_is_done(
    setting: Path, package: ModelPackage, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    own = ["--codec", package.folder]
    expected = "expected encodec, light or the folder of a codec's package, found none"
    cases: list[tuple[list[object], int, str]] = [
        (["--codec", tmp_path / "none"], 2, f"--codec {tmp_path / 'none'}: {expected}"),
        (["--codec", ""], 2, f"--codec : {expected}"),
        (["--codec", tmp_path / "empty"], 1, "expected a model package with a manifest.toml"),
        ([*own, "--weights", tmp_path / "x"], 2, "--weights: only the codec encodec takes it"),
        ([*own, "--bandwidth", "24"], 2, "--bandwidth: only the codec encodec takes it"),
        ([*own, "--bandwidth", "5"], 2, "'5' is not one of '3', '6', '12', '24'"),
    ]
    evaluate = ["evaluate", "--clean", setting / "masters", "--fault", "gain"]
    calls = [[*command, *case] for case, _, _ in cases for command in (prepare(setting, tmp_path / "out"), evaluate)]
    told = [(code, message) for _, code, message in cases for _ in range(2)]
    for call, (code, message), done in zip(calls, told, rebounce_many(calls), strict=True):
        assert (done.code, message in done.err) == (code, True), (call, done)
        assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()

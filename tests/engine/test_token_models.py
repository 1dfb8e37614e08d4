"""A restorer's models: opened once, checked before they run, and what is wrong with a package is said."""

from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
from restorer_packages import CHANGE, CONFIDENCE, LEVEL_DB, changed_manifest, rule_package
from tiny_packages import music, tiny_codec_package, tiny_restorer_package

from rebounce.engine.errors import DeviceError, ModelError
from rebounce.engine.model_manifest import ModelPort
from rebounce.engine.model_package import ModelPackage
from rebounce.engine.token_models import open_token_models, restorer_settings


@pytest.fixture
def package(tmp_path: Path) -> ModelPackage:
    return rule_package(tmp_path / "rule", wrong=[3, 5])


def test_a_network_s_proposal_is_what_the_network_says(package: ModelPackage) -> None:
    models = open_token_models(package, "cpu")
    window = music()[:, :5_120]
    codes = models.codec.quantise(models.codec.encode(window[np.newaxis] / models.codec.window_scale(window)))
    latents = models.codec.lookup(codes)
    said = models.propose(codes, latents)
    assert np.array_equal(said.clean_codes, (codes + 1) % 16)
    assert np.array_equal(said.mask, np.repeat(np.isin(codes[:, :1], [3, 5]), 4, axis=1))
    assert (said.confidence == np.float32(CONFIDENCE)).all()
    assert np.array_equal(said.latent_change, np.float32(CHANGE) * latents)
    assert said.level_db.tolist() == [LEVEL_DB]


@pytest.mark.parametrize(("latents", "sees_encoded"), [("codes", False), ("encoded", True)])
def test_a_package_says_which_latents_its_network_sees(tmp_path: Path, latents: str, sees_encoded: bool) -> None:
    package = rule_package(tmp_path / "rule", wrong=[3, 5], latents=latents)
    assert open_token_models(package, "cpu").sees_encoded is sees_encoded


@pytest.mark.parametrize("latents", ["quantised", "", 3, True])
def test_a_package_that_says_it_wrongly_is_refused(package: ModelPackage, latents: object) -> None:
    other = changed_manifest(package, settings=package.manifest.settings | {"latents": latents})
    told = rf"rule/manifest\.toml: settings: latents = {latents!r}, expected 'codes' or 'encoded'"
    with pytest.raises(ModelError, match=told):
        open_token_models(other, "cpu")


def test_a_package_that_does_not_say_it_is_refused(package: ModelPackage) -> None:
    settings = {name: value for name, value in package.manifest.settings.items() if name != "latents"}
    told = r"settings: expected latents, 'codes' or 'encoded', found none; export the package again"
    with pytest.raises(ModelError, match=told):
        open_token_models(changed_manifest(package, settings=settings), "cpu")


def test_models_are_opened_once_and_shared(package: ModelPackage) -> None:
    assert open_token_models(package, "cpu") is open_token_models(replace(package), "cpu")
    assert open_token_models(package, "cpu").device == "cpu"


def test_a_package_that_was_replaced_after_its_hashes_were_checked_is_not_run(tmp_path: Path) -> None:
    checked = rule_package(tmp_path / "mine", wrong=[3])
    rmtree(tmp_path / "mine")
    rule_package(tmp_path / "mine", wrong=[4])
    with pytest.raises(ModelError, match=rf"mine: expected {checked.id}, found that it was replaced"):
        open_token_models(checked, "cpu")


def test_a_package_with_random_weights_is_a_restorer(tmp_path: Path) -> None:
    assert restorer_settings(tiny_restorer_package(tmp_path / "tiny")).codebooks == 4


def test_a_codec_alone_restores_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"kind = 'codec', expected 'token-restorer'"):
        restorer_settings(tiny_codec_package(tmp_path / "codec"))


def test_a_package_whose_codec_differs_from_the_network_s_is_refused(package: ModelPackage) -> None:
    other = changed_manifest(package, settings=package.manifest.settings | {"unet_codec_id": "other@0123456789ab"})
    with pytest.raises(ModelError, match=r"whose codec differs from the U-Net's.*other@0123456789ab"):
        open_token_models(other, "cpu")


@pytest.mark.parametrize(
    ("name", "shape", "what"), [("codes", ("batch", 9, 16), "input"), ("mask", ("batch", 4), "output")]
)
def test_a_network_for_other_tokens_is_refused(
    package: ModelPackage, name: str, shape: tuple[int | str, ...], what: str
) -> None:
    def changed(item: ModelPort) -> ModelPort:
        is_it = (item.model, item.port.name) == ("unet.onnx", name)
        return replace(item, port=replace(item.port, shape=shape)) if is_it else item

    manifest = package.manifest
    ports = {"input": "inputs", "output": "outputs"}[what]
    spoiled = changed_manifest(package, **{ports: tuple(changed(item) for item in getattr(manifest, ports))})
    with pytest.raises(ModelError, match=rf"unet.onnx: expected the {what} {name} .*found .*export the package again"):
        restorer_settings(spoiled)


def test_a_gpu_asked_for_where_there_is_none_is_an_error(package: ModelPackage) -> None:
    with pytest.raises(DeviceError, match="--device cuda:7"):
        open_token_models(package, "cuda:7")

"""The restorer that comes with rebounce: what it is, how much it weighs, and that it works as it lies there."""

import numpy as np

from rebounce import TokenRestore
from rebounce.engine.codec_models import codec_id_of
from rebounce.engine.model_package import verify_package
from rebounce.engine.model_store import bundled_models, find_model
from rebounce.engine.token_models import open_token_models
from rebounce.exporters.package import SCRIPT
from rebounce.training.music import make_mix

MOST_BYTES = 25_000_000
RATE_HZ = 48_000


def test_it_is_one_package_of_a_codec_and_a_network_and_not_too_heavy() -> None:
    package = find_model("light")
    assert bundled_models() == ["light"]
    assert package.manifest.kind == "token-restorer"
    assert sum(path.stat().st_size for path in package.folder.rglob("*") if path.is_file()) < MOST_BYTES
    assert codec_id_of(package).startswith("light@")


def test_its_golden_arrays_come_out_here_too() -> None:
    package = find_model("light")
    results = verify_package(package)
    assert {result.model for result in results} == {item.model for item in package.manifest.outputs}


def test_its_script_is_the_one_that_is_exported_today() -> None:
    package = find_model("light")
    assert package.manifest.run_script is not None
    assert (package.folder / package.manifest.run_script).read_bytes() == SCRIPT.read_bytes()


def test_it_says_what_it_was_trained_on_and_how_well_it_does() -> None:
    manifest = find_model("light").manifest
    for said in ("CC BY", "CC0", "recipe", "music maker"):
        assert said in manifest.training_data_card
    assert "round_trip_si_sdr_db" in manifest.scores
    assert manifest.licence == "GPL-3.0-or-later"


def test_it_sees_latents_as_the_codec_makes_them() -> None:
    assert open_token_models(find_model("light"), "cpu").sees_encoded


def test_the_plugin_runs_it_unasked() -> None:
    audio = make_mix(seed=3, seconds=10.0, sample_rate_hz=RATE_HZ).audio[:, : 4 * RATE_HZ]
    plugin = TokenRestore(device="cpu")
    restored = plugin(audio, RATE_HZ)
    assert restored.shape == audio.shape
    assert np.isfinite(restored).all()
    (said,) = plugin.notes()
    assert np.array_equal(restored, audio) == said.startswith("the network is sure of no repair")
    assert plugin.model_id() == find_model("light").id
    forced = TokenRestore(device="cpu", least_mask=0.0, least_change=0.0)(audio, RATE_HZ)
    assert np.isfinite(forced).all()
    assert 0 < np.abs(forced - audio).max() < np.abs(audio).max()

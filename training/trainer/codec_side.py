"""The codec whose tokens a network learns, in torch: its codebooks, and its decoder for what listens."""

from dataclasses import dataclass
from pathlib import Path

from rebounce.engine.codec_models import codec_id_of
from rebounce.engine.errors import ConfigError
from rebounce.engine.model_store import find_model
from rebounce.training.dataset import BundleDataset
from rebounce.training.encodec_codec import CODEBOOKS_OF_KBPS, EncodecCodec
from rebounce.training.encodec_hub import hub_weights
from rebounce.training.encodec_weights import read_weights
from rebounce.training.light_codec_weights import codec_of_package
from rebounce.training.losses.encodec_parts import EncodecParts
from rebounce.training.losses.token_space import TorchCodec

ENCODEC = "encodec"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecSide:
    """A codec and what it is called."""

    codec_id: str
    codec: TorchCodec
    sample_rate_hz: int = 48_000


def open_codec_side(name: str, weights: str | None, codebooks: int) -> CodecSide:
    """The codec of that name, or in that package, as it makes tokens of so many codebooks."""
    if name == ENCODEC:
        return _encodec(hub_weights() if weights is None else Path(weights), codebooks)
    if weights is not None:
        raise ConfigError(f'codec_weights means nothing for codec = "{name}", whose package holds its own')
    package = find_model(name)
    return CodecSide(
        codec_id=codec_id_of(package),
        codec=codec_of_package(package),
        sample_rate_hz=package.manifest.sample_rate_hz,
    )


def check_codec(side: CodecSide, dataset: BundleDataset) -> None:
    """ConfigError where the bundles are another codec's."""
    if side.codec_id != dataset.codec_id:
        raise ConfigError(
            f"{dataset.paths[0]}: expected bundles of the codec {side.codec_id}, found those of {dataset.codec_id}; "
            "name that codec in the config, or prepare the bundles anew with this one"
        )


def _encodec(weights: Path, codebooks: int) -> CodecSide:
    kbps = {count: rate for rate, count in CODEBOOKS_OF_KBPS.items()}.get(codebooks)
    if kbps is None:
        wanted = ", ".join(str(count) for count in CODEBOOKS_OF_KBPS.values())
        raise ConfigError(f"codec encodec: expected bundles of {wanted} codebooks, found {codebooks}")
    state = read_weights(weights)
    codec_id = EncodecCodec(state, kbps, source=str(weights)).codec_id
    return CodecSide(codec_id=codec_id, codec=EncodecParts(state, kbps, source=str(weights)))

"""The models of a restorer package: the codec's four and the U-Net that proposes the tokens of the clean mix.

Always true here: what is opened is opened once a process and shared by every run that asks for the same package on the
same device; all models of a package run on one device, and `device` names the one they really run on.
"""

import threading
from pathlib import Path

from rebounce.engine.checked_table import CheckedTable
from rebounce.engine.codec_models import CodecModels, Codes, Latents
from rebounce.engine.codec_settings import TOKEN_RESTORER, CodecSettings, codec_settings
from rebounce.engine.devices import AUTO
from rebounce.engine.errors import ModelError
from rebounce.engine.model_manifest import MANIFEST_NAME
from rebounce.engine.model_package import ModelPackage, read_manifest
from rebounce.engine.onnx_session import Port
from rebounce.engine.token_gate import Proposal
from rebounce.engine.window_sessions import WindowSessions, open_windows
from rebounce.presets.latent_kinds import ENCODED, OF_CODES

UNET = "unet.onnx"
CHANNELS = 2
LATENTS = "latents"


class TokenModels:
    """The models of one package on one device; `message` is the line to show if `auto` gave way.

    `sees_encoded` is True where the U-Net sees and changes latents as they are before tokens are chosen, and False
    where it is what the tokens stand for.
    """

    def __init__(self, package: ModelPackage, settings: CodecSettings, windows: WindowSessions) -> None:
        self.package_id = package.id
        self.sees_encoded = package.manifest.settings[LATENTS] == ENCODED
        self.codec = CodecModels(settings, windows)
        self.device = windows.device
        self.message = windows.message
        self._windows = windows

    def propose(self, codes: Codes, latents: Latents) -> Proposal:
        """What the U-Net says of windows of codes, and of their latents."""
        said = self._windows.run(UNET, {"codes": codes, "latents": latents})
        return Proposal(
            clean_codes=said["clean_codes"],
            confidence=said["confidence"],
            mask=said["mask"],
            latent_change=said["latent_change"],
            level_db=said["level"][:, 0],
        )


def restorer_settings(package: ModelPackage) -> CodecSettings:
    """The settings of the codec in a package that restores; a ModelError for any other package."""
    where = f"{package.folder.name}/{MANIFEST_NAME}"
    if package.manifest.kind != TOKEN_RESTORER:
        raise ModelError(
            f"{where}: kind = {package.manifest.kind!r}, expected {TOKEN_RESTORER!r}: a package with a U-Net, which "
            "restores; name another package"
        )
    settings = codec_settings(package)
    if settings.channels != CHANNELS:
        raise ModelError(f"{where}: channels = {settings.channels}, expected {CHANNELS}; name another package")
    for what, listed, expected in (
        ("input", package.manifest.inputs, _unet_inputs(settings)),
        ("output", package.manifest.outputs, _unet_outputs(settings)),
    ):
        found = {item.port.name: item.port for item in listed if item.model == UNET}
        for port in expected:
            if found.get(port.name) != port:
                told = found[port.name].describe() if port.name in found else "none"
                raise ModelError(
                    f"{where}: {UNET}: expected the {what} {port.name} {port.describe()}, found {told}; "
                    "export the package again"
                )
    CheckedTable(dict(package.manifest.settings), f"{where}: settings").choice(LATENTS, (OF_CODES, ENCODED))
    return settings


_opened: dict[tuple[Path, str, str], TokenModels] = {}
_opening = threading.Lock()


def open_token_models(package: ModelPackage, device: str = AUTO) -> TokenModels:
    """The models of a package, opened by the first who asks; a strict `device` is used or refused."""
    key = (package.folder.resolve(), package.id, device)
    with _opening:
        if key not in _opened:
            settings = restorer_settings(package)
            windows = open_windows(package, device)
            # Between the check of its hashes and now, the package may have been replaced by another.
            if read_manifest(package.folder) != package.manifest:
                raise ModelError(f"{package.folder}: expected {package.id}, found that it was replaced; run it again")
            _opened[key] = TokenModels(package, settings, windows)
        return _opened[key]


def _unet_inputs(settings: CodecSettings) -> list[Port]:
    return [_tokens(settings, "codes", "int64"), _latents(settings, "latents")]


def _unet_outputs(settings: CodecSettings) -> list[Port]:
    return [
        _tokens(settings, "clean_codes", "int64"),
        _tokens(settings, "confidence", "float32"),
        _tokens(settings, "mask", "float32"),
        _latents(settings, "latent_change"),
        Port(name="level", dtype="float32", shape=("batch", 2)),
    ]


def _tokens(settings: CodecSettings, name: str, dtype: str) -> Port:
    return Port(name=name, dtype=dtype, shape=("batch", settings.codebooks, settings.window_tokens))


def _latents(settings: CodecSettings, name: str) -> Port:
    return Port(name=name, dtype="float32", shape=("batch", settings.latent_dimension, settings.window_tokens))

"""The published size, 1.08 billion parameters: exported whole, its weights beside the file, in the memory there is."""

import resource
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from rebounce.engine.free_memory import free_memory
from rebounce.engine.model_manifest import Manifest
from rebounce.engine.model_package import load_package
from rebounce.exporters.package import PackagePlan, write_package
from rebounce.exporters.part import Part
from rebounce.training.exportable.token_unet import FILE, OUTPUTS, TOLERANCE, Restorer
from rebounce.training.networks.interface import TokenShape
from rebounce.training.networks.registry import make_network

SHAPE = TokenShape()
LARGEST_MESSAGE = 2**31  # a protobuf message holds less
MANIFEST = Manifest(
    name="paper",
    version="1",
    kind="token-network",
    sample_rate_hz=48_000,
    channels=2,
    window_frames=102_400,
    hop_frames=81_920,
    context_frames=10_240,
    licence="GPL-3.0-or-later",
    training_data_card="Random weights that learnt from nothing.",
    inputs=(),
    outputs=(),
)


def test_the_published_size_is_exported_and_compared_with_torch(tmp_path: Path) -> None:
    network = make_network("token-unet", "paper", SHAPE).eval().requires_grad_(False)
    weight_bytes = 4 * network.parameter_count()
    assert weight_bytes > 2 * LARGEST_MESSAGE
    free = free_memory()
    if free is not None and free < 4 * weight_bytes:
        pytest.skip(f"needs {4 * weight_bytes / 1e9:.0f} GB of memory, found {free / 1e9:.0f} GB")
    # Fresh heads say nothing: so that what the body computes is seen at every output.
    generator = torch.Generator().manual_seed(0)
    for parameter in network.get_submodule("heads").parameters():
        parameter.normal_(std=0.02, generator=generator)
    codes = torch.randint(0, 1024, (2, 16, 320), generator=generator)
    latents = torch.randn(2, 128, 320, generator=generator)
    part = Part(
        file=FILE,
        module=Restorer(network).eval(),
        inputs={"codes": codes, "latents": latents},
        outputs=OUTPUTS,
        tolerance=TOLERANCE,
        codes_below=1024,
        gaps={"clean_codes": lambda inputs, expected, found: torch.zeros(1)},
    )
    plan = PackagePlan(manifest=MANIFEST, parts=(part,), settings=lambda files: {})
    exported = write_package(plan, tmp_path / "paper")
    package = load_package(tmp_path / "paper")
    sizes = [package.path(name).stat().st_size for name in (FILE, f"{FILE}.data")]
    assert sizes[0] < 2_000_000
    assert sum(sizes) >= weight_bytes
    assert max(item.difference for item in exported.distances) < TOLERANCE
    assert min(item.agreement for item in exported.distances) > 0.999
    stored = {item.name: item for item in onnx.load(package.path(FILE), load_external_data=False).graph.initializer}
    assert stored["network.context.convolution.weight"].dims == [6144, 6144, 9]
    # Once in torch, once in onnxruntime, and the file's own pages, which the system would take back.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < 4 * weight_bytes
    assert np.isfinite([item.difference for item in exported.distances]).all()

"""A training made ready from its config: everything that can be refused is refused here, before the first step."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rebounce import __version__
from rebounce.engine.errors import ConfigError, UsageError
from rebounce.presets.latent_kinds import ENCODED, OF_CODES
from rebounce.presets.training_config import TrainingConfig, TrainingStage
from rebounce.presets.training_file import as_table
from rebounce.training.bundle_features import LATENTS
from rebounce.training.checkpoint import SCHEMA
from rebounce.training.dataset import BundleDataset, Windows
from rebounce.training.losses.codebook_use import CodebookUse, codebook_use
from rebounce.training.losses.differentiable_decoder import DifferentiableDecoder
from rebounce.training.losses.registry import features_needed, needs_decoder, needs_tokens
from rebounce.training.losses.token_space import token_space
from rebounce.training.networks.interface import TokenShape
from rebounce.training.networks.registry import make_network
from rebounce.training.trainer.codec_side import CodecSide, check_codec
from rebounce.training.trainer.configs import identity
from rebounce.training.trainer.data_manifest import joined, manifest_of
from rebounce.training.trainer.device import Processes, chosen_precision, make_fabric, training_device
from rebounce.training.trainer.keeping import read_last, restore
from rebounce.training.trainer.plateau import limits_of
from rebounce.training.trainer.recovery import BatchSize
from rebounce.training.trainer.run_folder import RunFolder
from rebounce.training.trainer.state import Progress
from rebounce.training.trainer.training import ForFabric, StagePlan, Telling, Training
from rebounce.training.trainer.windows import share_of

MOST_COUNTED = 1000
"""Items that the use of the codebooks is measured by; more would not move it."""

OpenCodec = Callable[[int], CodecSide]
"""Gives the codec for tokens of so many codebooks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a training is to run, beside what its config says."""

    device: str = "auto"
    processes: Processes = field(default_factory=Processes)
    is_resumed: bool = False


def open_training(config: TrainingConfig, open_codec: OpenCodec, wish: Wish, tell: Telling) -> Training:
    """The training at its beginning, or where its folder says that it stands."""
    device = training_device(wish.device)
    precision = chosen_precision(config.precision, device)
    folder = RunFolder(path=Path(config.output))
    if not wish.is_resumed:
        folder.check_new()
    datasets = [_datasets(config, stage) for stage in config.stages]
    first, _ = datasets[0]
    side = open_codec(first.codebooks)
    for train, validation in datasets:
        check_codec(side, train)
        check_codec(side, validation)
    space = token_space(side.codec, _use(first))  # of all items, before each process has its share
    fabric = make_fabric(device, precision, wish.processes)
    plans, data_sha256 = _plans(config, datasets, wish.processes.all, fabric.global_rank)
    state = read_last(folder.last, config, data_sha256) if wish.is_resumed and folder.last.exists() else None
    network = _network(config, first, space.entries.shape[2])
    model = fabric.setup_module(ForFabric(network))
    training = Training(
        config=config,
        run_id=run_id(config, data_sha256),
        data_sha256=data_sha256,
        fabric=fabric,
        precision=precision,
        network=network,
        model=model,
        side=side,
        space=space.to(fabric.device),
        decoder=_decoder(config, side, fabric.device),
        plans=plans,
        folder=folder,
        progress=Progress(batch=_batch(config, folder)),
        tell=tell,
    )
    if state is not None:
        restore(training, state)
        training.run_id = state["run_id"]
        training.progress.batch = _at_most(training.progress.batch, folder.most_batch())
        if state["version"] != __version__ and training.writes:
            tell.say(f"this run began with rebounce {state['version']}: with {__version__} its numbers may be others")
    return training


def run_id(config: TrainingConfig, data_sha256: str) -> str:
    """What a run is called: by all that its outcome depends on, but for the machine."""
    content = [SCHEMA, __version__, identity(as_table(config)), data_sha256]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def stage_number(config: TrainingConfig, name: str | None) -> int:
    """The number of the stage of that name, or of the last one; ConfigError where there is none."""
    names = [stage.name for stage in config.stages]
    if name is None:
        return len(names) - 1
    if name not in names:
        raise ConfigError(f"--until-stage {name}: expected one of {', '.join(names)}")
    return names.index(name)


def _datasets(config: TrainingConfig, stage: TrainingStage) -> tuple[BundleDataset, BundleDataset]:
    """What a stage learns from and what it is judged by; UsageError where there is nothing."""
    assert config.bundles is not None, "checked by the config"
    _check_terms(config, stage)
    windows = Windows(segments=config.data.windows, seed=config.seed)
    try:
        train, validation = (
            BundleDataset(
                config.bundles,
                split=split,
                stages=stage.folders,
                features=_features(config, stage),
                windows=windows,
            )
            for split in ("train", "validation")
        )
    except UsageError as problem:
        raise ConfigError(f"stage {stage.name}: {problem}") from problem
    for dataset in (train, validation):
        # The order of several folders is not to count.
        dataset.paths.sort(key=lambda path: path.parts[-3:])
    return train, validation


def _features(config: TrainingConfig, stage: TrainingStage) -> tuple[str, ...]:
    """What the stage's losses need of the bundles, and what the network sees."""
    seen = (LATENTS,) if config.data.latents == ENCODED else ()
    return (*features_needed(stage.losses), *seen)


def _check_terms(config: TrainingConfig, stage: TrainingStage) -> None:
    """ConfigError for a term that would hold tokens against latents which they do not stand for."""
    unfit = [name for name in stage.losses if name != "token" and needs_tokens([name])]
    if config.data.latents == ENCODED and unfit:
        raise ConfigError(
            f"stage {stage.name}: {unfit[0]} compares tokens with the latents that they should stand for, and with "
            f'latents = "{ENCODED}" those are others; leave it out, or take latents = "{OF_CODES}"'
        )


def _plans(
    config: TrainingConfig, datasets: list[tuple[BundleDataset, BundleDataset]], processes: int, rank: int
) -> tuple[tuple[StagePlan, ...], str]:
    """Every stage, with this process's share of its bundles; and the hash of all bundles."""
    manifests = [(manifest_of(train), manifest_of(validation)) for train, validation in datasets]
    plans = []
    for stage, (train, validation), (learned, _) in zip(config.stages, datasets, manifests, strict=True):
        counts = [min(config.data.windows, segments) for segments in learned.segments]
        shares = [share_of(len(counts), number, processes, is_even=True) for number in range(processes)]
        items = len(train)
        train.paths = [train.paths[place] for place in shares[rank]]
        own = share_of(len(validation), rank, processes, is_even=False)
        validation.paths = [validation.paths[place] for place in own]
        plan = StagePlan(
            config=stage,
            train=train,
            validation=validation,
            items=items,
            # As many in every process, since each step waits for all of them.
            windows=min(sum(counts[place] for place in share) for share in shares),
            limits=limits_of(stage, items),
            weights={name: (config.loss or {})[name] for name in stage.losses},
        )
        plans.append(plan)
    digests = [
        joined(f"{split.sha256} {stage.name}" for split in pair)
        for stage, pair in zip(config.stages, manifests, strict=True)
    ]
    return tuple(plans), joined(digests)


def _network(config: TrainingConfig, dataset: BundleDataset, latent_dimension: int) -> Any:
    """A fresh network for the tokens of the bundles, drawn from the config's seed."""
    framing = dataset.framing
    shape = TokenShape(
        codebooks=dataset.codebooks,
        codebook_size=dataset.codebook_size,
        latent_dimension=latent_dimension,
        window_tokens=-(-framing.segment_frames // framing.hop_frames),
    )
    torch.manual_seed(config.seed)
    network = make_network(config.kind, config.size, shape)
    network.use_checkpointing = config.gradient_checkpointing
    return network


def _use(dataset: BundleDataset) -> CodebookUse:
    """How the codebooks are used in the items of a stage, or in some of them that lie evenly apart."""
    places = np.linspace(0, len(dataset) - 1, min(len(dataset), MOST_COUNTED)).round().astype(int)
    # Without the features, which weigh more than all else and are not asked here.
    codes = (dataset.bundle(int(place)).clean.codes.astype(np.int64) for place in places)
    return codebook_use(({"codes_clean": torch.from_numpy(own)} for own in codes), dataset.codebook_size)


def _decoder(config: TrainingConfig, side: CodecSide, device: torch.device) -> DifferentiableDecoder | None:
    """What listens, if any loss or sample needs it."""
    if not config.keep.samples and not any(needs_decoder(stage.losses) for stage in config.stages):
        return None
    decoder = DifferentiableDecoder(
        side.codec, stretch_tokens=config.data.listened_tokens, sample_rate_hz=side.sample_rate_hz
    )
    return decoder.to(device)


def _batch(config: TrainingConfig, folder: RunFolder) -> BatchSize:
    return _at_most(BatchSize(windows=config.batch.start, most=config.batch.most), folder.most_batch())


def _at_most(batch: BatchSize, most: int | None) -> BatchSize:
    """The batch, no larger than what was found to fit."""
    if most is None:
        return batch
    return BatchSize(windows=min(batch.windows, most), most=min(batch.most, most))

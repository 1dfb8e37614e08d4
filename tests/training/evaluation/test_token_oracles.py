"""What perfect tokens would give, with codecs of which it is known."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.engine.codec import LatentCodec, Latents, Scales
from rebounce.engine.tokens import Framing, Tokens
from rebounce.training.codecs import CodecChoice
from rebounce.training.evaluation.bench import (
    COHERENT,
    COHERENT_LATENTS,
    KNOWN_ERROR,
    LATENTS,
    ROUND_TRIP,
    TOKENS,
    TRANSFER,
    Bench,
)
from rebounce.training.evaluation.coding import Coder
from rebounce.training.evaluation.systems import Missing, Output, bounds, systems_of
from rebounce.training.evaluation.token_oracles import WAYS
from rebounce.training.tracks import Pair, Track

RATE_HZ = 48_000
WHOLE = Framing(segment_frames=2**40, stride_frames=2**40, hop_frames=1)


@dataclass(frozen=True, kw_only=True)
class Steps:
    """A codec that keeps each sample to a step of 2 / `levels`; without tokens it keeps all."""

    levels: int = 32_766
    channels: int = 2
    sample_rate_hz: int = RATE_HZ
    codec_id: str = "steps"
    weights_sha256: str = ""
    codebook_size: int = 32_767
    framing: Framing = WHOLE

    @property
    def codebooks(self) -> int:
        return self.channels

    def encode(self, audio: Audio) -> Tokens:
        codes = np.round((audio + 1) * (self.levels / 2)).astype(np.int16)[np.newaxis]
        frames = audio.shape[1]
        scales = np.ones(1, dtype=np.float32)
        return Tokens(
            codes=codes, scales=scales, frames=frames, sample_rate_hz=self.sample_rate_hz, codec_id=self.codec_id
        )

    def decode(self, tokens: Tokens) -> Audio:
        decoded: Audio = tokens.codes[0].astype(np.float32) / np.float32(self.levels / 2) - 1
        return decoded


class StepsAndLatents(Steps):
    """The same, with its way without tokens: a sample of both channels to a token."""

    def round_trip_unquantised(self, audio: Audio) -> Audio:
        return audio

    def latents(self, audio: Audio, scales: Scales | None = None) -> tuple[Latents, Scales]:
        given = np.ones(1, dtype=np.float32) if scales is None else scales
        return audio[np.newaxis] / given[:, np.newaxis, np.newaxis], given


def pair_of(clean: Audio, damaged: Audio, rate_hz: int = RATE_HZ) -> Pair:
    return Pair(clean=clean, damaged=damaged, sample_rate_hz=rate_hz, start_frame=0, damage=())


def found(codec: Steps, pair: Pair, tmp_path: Path) -> dict[str, Output]:
    frames, channels = pair.clean.shape[1], pair.clean.shape[0]
    track = Track(
        path=tmp_path / "gone.wav", sha256="", frames=frames, sample_rate_hz=pair.sample_rate_hz, channels=channels
    )
    return dict(bounds(track, pair, Coder(codec, pair.sample_rate_hz)))


def audio_of(output: Output) -> Audio:
    assert not isinstance(output, Missing), output
    return output


def worst(output: Output, clean: Audio) -> float:
    """The largest difference away from the ends, where a filter has nothing to go by."""
    return float(np.abs(audio_of(output) - clean)[:, 2_000:-2_000].max())


def music() -> tuple[Audio, Audio]:
    """Two pieces, and the second is the first with something else in it, a tenth as loud."""
    clean = noise(20_000)
    return clean, clean + noise(20_000, seed=1) * np.float32(0.1)


def test_where_the_codec_loses_nothing_perfect_tokens_are_the_clean_audio(tmp_path: Path) -> None:
    clean, damaged = music()
    outputs = found(StepsAndLatents(), pair_of(clean, damaged), tmp_path)
    assert worst(damaged, clean) > 5e-3
    for name in (ROUND_TRIP, TOKENS, COHERENT, LATENTS, COHERENT_LATENTS):
        assert worst(outputs[name], clean) < 3e-4, name  # a step is 6e-5
    # It holds back what the codec's error might have made.
    assert worst(outputs[KNOWN_ERROR], clean) < 1e-3


def test_equal_tokens_give_the_input_back_bit_by_bit(tmp_path: Path) -> None:
    clean = (np.round(noise(20_000) * 50) / 50).astype(np.float32)
    damaged = clean + np.float32(1e-4)
    outputs = found(Steps(levels=100), pair_of(clean, damaged), tmp_path)
    assert worst(outputs[ROUND_TRIP], damaged) > 5e-5
    for name in (TOKENS, COHERENT, KNOWN_ERROR, TRANSFER):
        assert np.array_equal(audio_of(outputs[name]), damaged), name


def test_latents_do_what_tokens_of_a_poor_codec_cannot(tmp_path: Path) -> None:
    clean, damaged = music()
    outputs = found(StepsAndLatents(levels=100), pair_of(clean, damaged), tmp_path)
    assert worst(outputs[LATENTS], clean) < 1e-6
    assert worst(outputs[TOKENS], clean) > 1e-2


def test_a_gain_is_transferred_as_a_gain(tmp_path: Path) -> None:
    clean, _ = music()
    outputs = found(Steps(), pair_of(clean, clean * np.float32(0.5)), tmp_path)
    assert worst(outputs[TRANSFER], clean) < 1e-3
    twice = found(Steps(), pair_of(clean, clean * np.float32(0.1)), tmp_path)
    # Not by more than 12 dB.
    assert worst(twice[TRANSFER], clean * np.float32(0.1 * 10 ** (12 / 20))) < 1e-3


@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
def test_the_input_itself_is_never_resampled(tmp_path: Path, rate_hz: int) -> None:
    clean, _ = music()
    outputs = found(StepsAndLatents(), pair_of(clean, clean, rate_hz), tmp_path)
    assert not np.array_equal(audio_of(outputs[ROUND_TRIP]), clean)
    for way in WAYS:
        assert np.array_equal(audio_of(outputs[way.name]), clean), way.name


@pytest.mark.parametrize("channels", [1, 2])
def test_channels_are_doubled_or_taken_one_by_one(tmp_path: Path, channels: int) -> None:
    clean, damaged = (audio[:channels] for audio in music())
    outputs = found(StepsAndLatents(channels=3 - channels), pair_of(clean, damaged), tmp_path)
    for way in WAYS:
        assert audio_of(outputs[way.name]).shape == clean.shape
    assert worst(outputs[TOKENS], clean) < 3e-4


def test_a_codec_without_latents_has_no_rows_of_them(tmp_path: Path) -> None:
    clean, damaged = music()
    assert not isinstance(Steps(), LatentCodec)
    names = list(found(Steps(), pair_of(clean, damaged), tmp_path))
    assert names[-4:] == [TOKENS, COHERENT, KNOWN_ERROR, TRANSFER]
    names = list(found(StepsAndLatents(), pair_of(clean, damaged), tmp_path))
    assert names[-6:] == [way.name for way in WAYS]


def test_more_channels_than_the_codec_has_are_absent_and_no_failure(tmp_path: Path) -> None:
    six = noise(5_000, channels=6) * np.float32(0.1)
    outputs = found(StepsAndLatents(), pair_of(six, six), tmp_path)
    for name in (ROUND_TRIP, *(way.name for way in WAYS)):
        output = outputs[name]
        assert isinstance(output, Missing)
        assert not output.is_failure
        assert output.message == "the codec takes 2 channels, and there are 6"


def test_a_codec_that_fails_fails_in_its_own_rows_alone(tmp_path: Path) -> None:
    clean, damaged = music()
    outputs = found(replace(StepsAndLatents(), codec_id=""), pair_of(clean, damaged), tmp_path)
    failed = {name for name, output in outputs.items() if isinstance(output, Missing) and output.is_failure}
    assert failed >= {ROUND_TRIP, TOKENS, COHERENT, KNOWN_ERROR, TRANSFER}
    assert not {"oracle: clean magnitude", LATENTS, COHERENT_LATENTS} & failed


def test_silence_stays_silent(tmp_path: Path) -> None:
    silence = np.zeros((2, 5_000), dtype=np.float32)
    outputs = found(StepsAndLatents(), pair_of(silence, silence), tmp_path)
    assert all(not audio_of(outputs[way.name]).any() for way in WAYS)


def test_the_rows_stand_in_the_order_in_which_they_come(tmp_path: Path) -> None:
    from rebounce.training.encodec_weights import random_weights, save_weights

    save_weights(tmp_path / "random.safetensors", random_weights(0))
    codec = CodecChoice(name="encodec", weights=tmp_path / "random.safetensors", bandwidth_kbps=3.0)
    systems = systems_of(Bench(presets=(), codec=codec, scores=("snr_db",), seconds=1.0))
    names = [system.name for system in systems]
    clean, damaged = music()
    assert names == ["damaged", *found(StepsAndLatents(), pair_of(clean, damaged), tmp_path)]
    assert {system.kind for system in systems[2:]} == {"oracle"}
    assert len({system.about for system in systems}) == len(systems)

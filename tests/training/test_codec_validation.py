"""What a codec in training is judged by."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_codec_training import RATE_HZ, SIZE, WINDOW_FRAMES, chord_corpus
from torch_threads import threads

from rebounce.training.codec_validation import validated, validation_windows
from rebounce.training.networks.light_codec import LightCodec
from rebounce.training.scores.log_spectral_distance import log_spectral_distance_db
from rebounce.training.scores.si_sdr import si_sdr_db


def test_windows_are_the_same_each_time_and_of_level_1(tmp_path: Path) -> None:
    corpus = chord_corpus(tmp_path)
    windows = validation_windows(corpus, 5, WINDOW_FRAMES, 1e-5)
    assert windows.shape == (5, 2, WINDOW_FRAMES)
    assert np.sqrt(np.mean(np.square(windows), axis=(1, 2))) == pytest.approx(np.ones(5), rel=1e-5)
    assert np.array_equal(windows, validation_windows(corpus, 5, WINDOW_FRAMES, 1e-5))
    assert np.array_equal(windows[:2], validation_windows(corpus, 2, WINDOW_FRAMES, 1e-5))


def test_scores_are_means_over_windows_of_what_came_back(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = LightCodec(SIZE)
    windows = validation_windows(chord_corpus(tmp_path), 5, WINDOW_FRAMES, 1e-5)
    with threads(1), torch.no_grad():
        found = validated(model, windows, RATE_HZ, has_codes=True)
        model.eval()
        for name, way in (("quantised", lambda audio: model.coded(audio)[0]), ("unquantised", model.unquantised)):
            made = [way(torch.from_numpy(window[np.newaxis]))[0].numpy() for window in windows]
            ratios = [si_sdr_db(window, one) for window, one in zip(windows, made, strict=True)]
            apart = [log_spectral_distance_db(window, one, RATE_HZ) for window, one in zip(windows, made, strict=True)]
            assert found[f"si_sdr_db_{name}"] == pytest.approx(np.mean([r for r in ratios if r is not None]), abs=1e-3)
            distances = [distance for distance in apart if distance is not None]
            assert found[f"log_spectral_distance_db_{name}"] == pytest.approx(np.mean(distances), abs=1e-3)

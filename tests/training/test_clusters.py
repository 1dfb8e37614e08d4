"""Clusters against what they must be."""

import numpy as np
import torch

from rebounce.training.clusters import cluster, nearest_of


def test_the_nearest_is_the_nearest() -> None:
    generator = np.random.default_rng(0)
    vectors, centres = generator.normal(size=(5000, 3)), generator.normal(size=(20, 3))
    wanted = np.square(vectors[:, np.newaxis] - centres).sum(axis=2).argmin(axis=1)
    found = nearest_of(torch.from_numpy(vectors), torch.from_numpy(centres))
    assert np.array_equal(found.numpy(), wanted)


def test_centres_are_the_means_of_the_vectors_that_are_nearest_to_them() -> None:
    generator = np.random.default_rng(1)
    places = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], dtype=np.float32)
    vectors = np.repeat(places, 100, axis=0) + generator.normal(scale=0.5, size=(400, 2)).astype(np.float32)
    # Begins at drawn vectors, and k-means may end with two of them in one heap; from 12 on every heap has one.
    centres, nearest = cluster(torch.from_numpy(vectors), 12, generator, rounds=50)
    for number in np.unique(nearest.numpy()):
        mean = vectors[nearest.numpy() == int(number)].mean(axis=0)
        assert np.abs(centres[number].numpy() - mean).max() < 1e-5
    errors = np.linalg.norm(vectors - centres[nearest].numpy(), axis=1)
    assert errors.max() < 5  # none is taken for one of another heap
    assert np.mean(errors**2) < 0.4  # a heap has 2 x 0.5^2 around one centre


def test_fewer_vectors_than_centres_are_all_met() -> None:
    vectors = torch.tensor([[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    centres, nearest = cluster(vectors, 40, np.random.default_rng(2))
    assert centres.shape == (40, 2)
    assert torch.equal(centres[nearest], vectors)

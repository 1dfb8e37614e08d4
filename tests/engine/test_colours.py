"""The colour map: brighter is louder, all the way, and never jumps."""

import numpy as np

from rebounce.engine.colours import colour_map, oklch_rgb


def luminance(
    rgb: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    linear = (rgb / 255.0) ** 2.2
    return np.asarray(linear @ [0.2126, 0.7152, 0.0722])


def test_brightness_rises_from_near_black_to_near_white() -> None:
    seen = luminance(colour_map()[:, :3]) ** (1 / 2.2)
    assert np.all(np.diff(seen) > 0)
    assert seen[0] < 0.05
    assert seen[-1] > 0.9


def test_equal_steps_in_level_are_about_equal_steps_in_lightness() -> None:
    lightness = luminance(colour_map()[:, :3]) ** (1 / 3)
    steps = np.diff(lightness)
    assert steps.max() < 2.5 * np.median(steps)


def test_no_colour_is_far_from_its_neighbour() -> None:
    assert np.abs(np.diff(colour_map()[:, :3].astype(int), axis=0)).max() <= 14


def test_colours_without_chroma_are_the_greys_that_oklab_says() -> None:
    grey = oklch_rgb(np.array([0.0, 0.5, 1.0]), np.zeros(3), np.zeros(3))
    # The lightness of OKLab is the cube root of linear light: 0.5 is 0.125, which sRGB writes as 99.
    assert grey.tolist() == [[0, 0, 0], [99, 99, 99], [255, 255, 255]]

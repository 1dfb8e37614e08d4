"""PNG pictures, read back by a reader written from the format's definition."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_reading import chunks_of, read_png

from rebounce.engine import png


@settings(max_examples=20, deadline=None)
@given(rows=st.integers(1, 9), columns=st.integers(1, 17), seed=st.integers(0, 99), is_smooth=st.booleans())
def test_a_true_colour_picture_decodes_to_the_same_pixels(rows: int, columns: int, seed: int, is_smooth: bool) -> None:
    ramp = np.arange(rows * columns * 3).reshape(rows, columns, 3) % 256
    pixels = (ramp if is_smooth else np.random.default_rng(seed).integers(0, 256, ramp.shape)).astype(np.uint8)
    assert np.array_equal(read_png(png.encode_rgb(pixels)), pixels.reshape(rows, -1))


@settings(max_examples=20, deadline=None)
@given(rows=st.integers(1, 9), columns=st.integers(1, 17), colours=st.integers(1, 256), seed=st.integers(0, 99))
def test_a_palette_picture_decodes_to_the_same_indices_and_colours(
    rows: int, columns: int, colours: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    indices = rng.integers(0, colours, (rows, columns)).astype(np.uint8)
    palette = rng.integers(0, 256, (colours, 4)).astype(np.uint8)
    data = png.encode_indexed(indices, palette)
    assert np.array_equal(read_png(data), indices)
    assert chunks_of(data)[b"PLTE"] == palette[:, :3].tobytes()
    assert chunks_of(data).get(b"tRNS", bytes([255] * colours)) == palette[:, 3].tobytes()


def test_a_smooth_picture_is_stored_as_differences_and_packs_well() -> None:
    pixels = np.repeat((np.arange(256 * 64) % 251).astype(np.uint8).reshape(64, 256)[:, :, None], 3, axis=2)
    assert len(png.encode_rgb(pixels)) < pixels.size / 20

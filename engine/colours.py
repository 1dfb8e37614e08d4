"""The colours of spectrograms and waveforms.

The map runs from ink through violet and coral to cream along a path in the OKLCh space (Björn Ottosson's, whose
lightness follows what is seen), so that equal steps in level look like equal steps in brightness, in grey as well.
"""

import numpy as np
from numpy.typing import NDArray

MAP_COLOURS = 96

# Lightness, chroma and hue in degrees, at even distances along the map.
STATIONS = (
    (0.13, 0.020, 270.0),
    (0.24, 0.075, 280.0),
    (0.36, 0.120, 300.0),
    (0.48, 0.150, 335.0),
    (0.61, 0.165, 375.0),
    (0.73, 0.150, 410.0),
    (0.85, 0.125, 440.0),
    (0.97, 0.045, 460.0),
)

# The two matrices of OKLab, from its definition.
LAB_TO_CONES = np.array(
    [[1.0, 0.3963377774, 0.2158037573], [1.0, -0.1055613458, -0.0638541728], [1.0, -0.0894841775, -1.2914855480]]
)
CONES_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def colour_map(colours: int = MAP_COLOURS) -> NDArray[np.uint8]:
    """The map from quiet to loud, `(colours, 4)` of red, green, blue and full opacity."""
    place = np.linspace(0, len(STATIONS) - 1, colours)
    stations = np.array(STATIONS)
    lightness, chroma, hue = (np.interp(place, np.arange(len(STATIONS)), column) for column in stations.T)
    return opaque(oklch_rgb(lightness, chroma, hue))


def oklch_rgb(
    lightness: NDArray[np.float64], chroma: NDArray[np.float64], hue_degrees: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """sRGB `(colours, 3)` of OKLCh colours; what the screen cannot show is cut to what it can."""
    angle = np.deg2rad(hue_degrees)
    lab = np.stack([lightness, chroma * np.cos(angle), chroma * np.sin(angle)], axis=-1)
    linear = np.clip((lab @ LAB_TO_CONES.T) ** 3 @ CONES_TO_RGB.T, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(encoded * 255), dtype=np.uint8)


def opaque(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The colours with full opacity, `(colours, 4)`."""
    return np.concatenate([rgb, np.full((len(rgb), 1), 255, dtype=np.uint8)], axis=1)

"""Images that a page is given: files of strangers, of which nothing is trusted.

Only decoders of plain picture formats are asked, the number of pixels is known before
any is decoded, and whatever a decoder raises of a broken file is one message.
"""

import math
import os
import threading

import numpy as np
from PIL import Image, ImageOps

from zoo.data import DataSpec

MOST_BYTES = 20 * 2**20
_MOST_PIXELS = 20_000_000
# A large image takes half a gibibyte while it is decoded.
_ONE_AT_A_TIME = threading.Lock()
# Without those that call other programs, as PostScript does.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")


def read_image(
    path: str | os.PathLike[str], spec: DataSpec, *, inverted: bool = False
) -> np.ndarray:
    """An image file as an example of the data.

    It is cut to their proportions about its middle, resized, made grey where they are,
    and rounded to their levels; bits are 1 from half of white on. What is transparent
    becomes white.

    Args:
        path: The file: PNG, JPEG, WebP, GIF or BMP.
        spec: What the data are.
        inverted: Whether to exchange dark and light.

    Returns:
        The example `[*event_shape]`, of the data's dtype.

    Raises:
        ValueError: If the data are no images of one or three channels, or the file is
            no image, broken, or too large.
    """
    channels = spec.event_shape[2:]
    if not spec.is_image or channels not in ((), (1,), (3,)):
        raise ValueError(
            "Only grey and coloured images can be uploaded; received a file for "
            f"{spec.name}, whose examples have shape {list(spec.event_shape)}. Choose "
            "a test example."
        )
    if os.path.getsize(path) > MOST_BYTES:
        raise ValueError(
            f"An image may have {MOST_BYTES // 2**20} MiB; received "
            f"{os.path.getsize(path) / 2**20:,.0f} MiB. Save it smaller."
        )
    height, width = spec.event_shape[:2]
    image = ImageOps.fit(_decode(path), (width, height), Image.Resampling.BOX)
    if inverted:
        image = ImageOps.invert(image)
    pixels = image if channels == (3,) else image.convert("L")
    x = np.asarray(pixels, np.float32).reshape(spec.event_shape) / 255
    if spec.levels is not None:
        x = np.floor(x * (spec.levels - 1) + 0.5)
    return x.astype(spec.dtype)


def _decode(path: str | os.PathLike[str]) -> Image.Image:
    """The first frame of an image, upright, in RGB over white."""
    try:
        with _ONE_AT_A_TIME, Image.open(path, formats=_FORMATS) as image:
            size = image.size
            if math.prod(size) <= _MOST_PIXELS:
                upright = ImageOps.exif_transpose(image).convert("RGBA")
                white = Image.new("RGBA", upright.size, "white")
                return Image.alpha_composite(white, upright).convert("RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        size = None
    except Exception as error:  # Of a broken file decoders raise whatever they like.
        raise ValueError(
            "An upload is an image, PNG, JPEG, WebP, GIF or BMP; received a file that "
            "is none, or a broken one. Save the image anew, as PNG."
        ) from error
    shown = "far more" if size is None else "{:,} x {:,}".format(*size)
    raise ValueError(
        f"An image may have {_MOST_PIXELS // 10**6} million pixels; received {shown}. "
        "Save it smaller."
    )

"""Uploaded images: what becomes of good ones, and that bad ones do no harm."""

import pickle
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from zoo.data import DataSpec
from zoo.exploring import uploads
from zoo.exploring.uploads import read_image

GREYS = DataSpec("greys", (2, 4), "uint8", levels=17)
BITS = DataSpec("bits", (2, 2), "uint8", levels=2)
COLOURS = DataSpec("colours", (2, 2, 3), "uint8", levels=256)
FLOATS = DataSpec("floats", (2, 2, 1), "float32")


@pytest.fixture
def save(tmp_path):
    """Writes an image; returns its path."""

    def save(pixels, mode=None, name="image.png", **options):
        image = Image.fromarray(np.asarray(pixels, np.uint8))
        image = image if mode is None else image.convert(mode)
        image.save(tmp_path / name, **options)
        return tmp_path / name

    return save


def test_greys_are_rounded_to_their_levels(save):
    path = save([[0, 15, 16, 255], [8, 7, 128, 240]])
    x = read_image(path, GREYS)
    assert x.dtype == np.uint8
    np.testing.assert_array_equal(x, [[0, 1, 1, 16], [1, 0, 8, 15]])
    x = read_image(path, GREYS, inverted=True)
    np.testing.assert_array_equal(x, [[16, 15, 15, 0], [15, 16, 8, 1]])


def test_bits_are_light_or_dark(save):
    x = read_image(save([[127, 128], [0, 255]]), BITS)
    np.testing.assert_array_equal(x, [[0, 1], [0, 1]])


def test_floats_are_shades(save):
    x = read_image(save([[0, 51], [102, 255]]), FLOATS)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x[..., 0], [[0, 0.2], [0.4, 1]], rtol=1e-6)


def test_images_are_cut_about_their_middle_and_averaged(save):
    wide = np.zeros([4, 6], int)
    wide[:, 1:3], wide[:, 3:5] = 100, [200]
    wide[:, [0, 5]] = 255  # Beyond the square in the middle.
    x = read_image(save(wide), DataSpec("greys", (2, 2), "uint8", levels=256))
    np.testing.assert_array_equal(x, [[100, 200], [100, 200]])


def test_colours_are_kept_or_made_grey(save):
    red = np.zeros([2, 2, 3], int) + [255, 0, 0]
    np.testing.assert_array_equal(read_image(save(red), COLOURS), red)
    greys = DataSpec("greys", (2, 2), "uint8", levels=256)
    np.testing.assert_array_equal(read_image(save(red), greys), np.full([2, 2], 76))
    grey = read_image(save([[9, 9], [9, 9]]), COLOURS)
    np.testing.assert_array_equal(grey, np.full([2, 2, 3], 9))


def test_what_is_transparent_is_white(save):
    pixels = np.zeros([2, 2, 4], int)
    pixels[0, 0, 3] = 255
    x = read_image(save(pixels), BITS)
    np.testing.assert_array_equal(x, [[0, 1], [1, 1]])


@pytest.mark.parametrize("mode", ["1", "P", "LA", "I;16"])
@pytest.mark.filterwarnings("ignore:.*'mode' parameter is deprecated")
def test_all_ways_to_store_pixels_are_read(save, mode, tmp_path):
    if mode == "I;16":
        deep = np.array([[0, 65535], [65535, 0]], np.uint16)
        Image.fromarray(deep).save(tmp_path / "deep.png")
        path = tmp_path / "deep.png"
    else:
        path = save([[0, 255], [255, 0]], mode)
    np.testing.assert_array_equal(read_image(path, BITS), [[0, 1], [1, 0]])


def test_photographs_stand_upright(save, tmp_path):
    image = Image.fromarray(np.array([[0, 0], [255, 255]], np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 8  # To be turned by a quarter, counterclockwise.
    image.save(tmp_path / "turned.png", exif=exif)
    x = read_image(tmp_path / "turned.png", BITS)
    np.testing.assert_array_equal(x, [[0, 1], [0, 1]])


def png(width, height):
    """A PNG of a few bytes that claims to be of any size."""

    def chunk(kind, content):
        checked = kind + content
        size, check = struct.pack(">I", len(content)), zlib.crc32(checked)
        return size + checked + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")


class Harm:
    """What would be done if a file were unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("The file was unpickled.",))


BAD = {
    "text": (b"no image", "none, or a broken one"),
    "nothing": (b"", "none, or a broken one"),
    "pickle": (pickle.dumps(Harm()), "none, or a broken one"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "none, or"),
    "broken": (png(8, 8)[:43], "none, or a broken one"),
    "too few rows": (png(900, 900), "none, or a broken one"),
    "large": (png(5000, 4001), "20 million pixels; received 5,000 x 4,001"),
    "larger": (png(10_000, 10_000), "million pixels; received far more"),
    "a bomb": (png(100_000, 100_000), "million pixels; received far more"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_one_message(name, tmp_path):
    content, message = BAD[name]
    path = tmp_path / "image.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_image(path, GREYS)


def test_large_files_are_not_even_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_BYTES", 2**20)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("It was opened."))
    path = tmp_path / "image.png"
    path.write_bytes(bytes(2**21))
    with pytest.raises(ValueError, match="1 MiB; received 2 MiB"):
        read_image(path, GREYS)


@pytest.mark.parametrize("shape", [(4,), (2, 2, 2)])
def test_only_images_are_uploaded(shape, save):
    spec = DataSpec("table", shape, "float32")
    with pytest.raises(ValueError, match="Only grey and coloured images"):
        read_image(save([[0, 1], [1, 0]]), spec)

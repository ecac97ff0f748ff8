"""Size of a photo from its header: that of OpenCV's decoder, whatever the EXIF data."""

import io
import random
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from mmyolo_mnv1.photos import decoded_size

PIXELS = np.random.default_rng(0).integers(0, 255, (20, 32, 3), np.uint8)
ORIENTATION = 0x0112
#: EXIF types and the format of their value
TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 13: "I"}


def exif(value, kind=3, order="<", count=1, tag=ORIENTATION):
    """TIFF structure with one tag."""
    code = TYPES.get(kind, "I")
    number = float(value) if code == "f" else value
    payload = struct.pack(order + code, number).ljust(4, b"\0")
    start = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHI", tag, kind, count) + payload
    return start + struct.pack(order + "IH", 8, 1) + entry + bytes(4)


def damaged_exifs():
    good = exif(6)
    for length in range(len(good)):
        yield f"cut to {length} bytes", good[:length]
    for i in range(len(good)):
        for value in (0, 6, 255):
            yield f"byte {i} is {value}", good[:i] + bytes([value]) + good[i + 1 :]
    rest = random.Random(0)
    for i in range(30):
        yield f"random {i}", b"II*\0\x08\0\0\0" + rest.randbytes(40)


def encode(form, metadata=None, **options):
    buffer = io.BytesIO()
    if metadata is not None:
        options["exif"] = b"Exif\0\0" + metadata
    Image.fromarray(PIXELS).save(buffer, form, **options)
    return buffer.getvalue()


def decoder_size(path):
    """Size by ``cv2.imdecode``, as training and predict.py read photos."""
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    size = None if image is None else image.shape[1::-1]
    by_name = cv2.imread(str(path))  # fails for a TIFF turned by a quarter
    assert by_name is None or by_name.shape[1::-1] == size
    return size


def assert_agrees(tmp_path, data, what=""):
    """The size of a file, and of its bytes, is the decoder's."""
    path = tmp_path / "photo"
    path.write_bytes(data)
    expected = decoder_size(path)
    for source in (path, data):
        if expected is None:
            with pytest.raises(ValueError, match="no image"):
                decoded_size(source)
        else:
            assert decoded_size(source) == expected, what
    return expected


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_orientation_and_type_of_the_tag(tmp_path, form, order):
    sizes = set()
    for kind in TYPES:
        limit = struct.calcsize(TYPES[kind]) * 8 - 1
        for value in (*range(10), 65537, 65542, 255, 65535, 1 << 31):
            if value >> limit and not (TYPES[kind].isupper() and value >> limit == 1):
                continue
            data = encode(form, exif(value, kind, order))
            what = f"{form} {order} type {kind} value {value}"
            sizes.add(assert_agrees(tmp_path, data, what))
    assert (32, 20) in sizes
    if form in ("JPEG", "PNG"):
        assert (20, 32) in sizes


def test_the_value_of_old_apple_software_is_no_rotation(tmp_path):
    for order in "<>":
        data = encode("JPEG", exif(65537, 4, order))
        assert assert_agrees(tmp_path, data) == (32, 20)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_every_damage_of_the_tag(tmp_path, form):
    for what, metadata in damaged_exifs():
        assert_agrees(tmp_path, encode(form, metadata), f"{form} {what}")


def test_count_and_other_tags(tmp_path):
    for count in (0, 2, 1 << 31):
        assert_agrees(tmp_path, encode("JPEG", exif(6, count=count)), f"count {count}")
    assert_agrees(tmp_path, encode("JPEG", exif(6, tag=0x0100)))


def segment(marker, content):
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def test_several_metadata_segments_of_a_jpeg(tmp_path):
    plain = encode("JPEG")
    turn, keep = (segment(0xE1, b"Exif\0\0" + exif(v)) for v in (6, 1))
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>")
    for parts in ((turn, keep), (keep, turn), (xmp, turn), (turn, xmp), (xmp,)):
        assert_agrees(tmp_path, plain[:2] + b"".join(parts) + plain[2:])
    frame = plain.index(b"\xff\xda")  # just before the scan
    assert assert_agrees(tmp_path, plain[:frame] + turn + plain[frame:])
    assert_agrees(tmp_path, plain[:2] + b"\xff\xff" + turn[1:] + plain[2:])
    assert_agrees(tmp_path, plain[:2] + b"\0\0\0" + turn + plain[2:])
    assert_agrees(tmp_path, encode("MPO", exif(8)))


def chunk(kind, content):
    crc = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + crc


def test_metadata_anywhere_in_a_png(tmp_path):
    plain = encode("PNG")
    turn = chunk(b"eXIf", exif(6))
    text = chunk(b"tEXt", b"Raw profile type exif\0" + exif(6).hex().encode())
    broken = turn[:-1] + bytes([turn[-1] ^ 1])
    for extra in (turn, text, broken, turn + chunk(b"eXIf", exif(1))):
        for place in (33, plain.index(b"IEND") - 4):
            data = plain[:place] + extra + plain[place:]
            assert_agrees(tmp_path, data, f"{extra[:12]} at {place}")
    frames = [Image.fromarray(PIXELS), Image.fromarray(PIXELS[::-1])]
    assert_agrees(tmp_path, encode("PNG", save_all=True, append_images=frames))


@pytest.mark.parametrize(
    ("form", "mode", "options"),
    [
        ("JPEG", "L", {}),
        ("JPEG", "CMYK", {}),
        ("JPEG", "RGB", dict(progressive=True)),
        ("PNG", "P", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "I;16", {}),
        ("WEBP", "RGB", {}),
        ("WEBP", "RGB", dict(lossless=True)),
        ("WEBP", "RGBA", {}),
        ("WEBP", "RGBA", dict(lossless=True, icc_profile=b"x" * 200)),
        ("TIFF", "RGB", dict(compression="tiff_lzw")),
        ("TIFF", "CMYK", {}),
        ("BMP", "P", {}),
        ("GIF", "P", {}),
        ("PPM", "RGB", {}),
        ("JPEG2000", "RGB", {}),
        ("ICO", "RGB", {}),
    ],
)
def test_formats_and_modes(tmp_path, form, mode, options):
    if mode == "I;16":
        image = Image.fromarray(PIXELS[..., 0].astype(np.uint16))
    else:
        image = Image.fromarray(PIXELS).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    size = assert_agrees(tmp_path, buffer.getvalue())
    assert size in ((32, 20), None)
    assert size or form == "ICO"


@pytest.mark.parametrize("orientation", range(10))
def test_orientation_of_a_tiff(tmp_path, orientation):
    assert_agrees(tmp_path, encode("TIFF", tiffinfo={274: orientation}))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP"])
def test_damaged_files_are_refused_or_have_the_size_of_the_header(tmp_path, form):
    data = encode(form)
    for length in range(24):
        with pytest.raises(ValueError, match="no image"):
            decoded_size(data[:length] if form != "BMP" else data[: length // 2])
    with pytest.raises(ValueError, match="damaged or no image"):
        decoded_size(b"no photo")
    with pytest.raises(OSError):
        decoded_size(tmp_path / "missing.jpg")


def test_a_header_of_more_pixels_than_opencv_decodes_is_refused():
    data = bytearray(encode("JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(ValueError, match="65535 x 65535 px is too large"):
        decoded_size(bytes(data))


def test_only_the_header_is_read(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    Image.fromarray(np.zeros((1500, 2000, 3), np.uint8)).save(
        path, exif=b"Exif\0\0" + exif(6)
    )
    decoded = []
    decode = cv2.imdecode

    def record(data, flags):
        decoded.append(len(data))
        return decode(data, flags)

    monkeypatch.setattr(cv2, "imdecode", record)
    assert decoded_size(path) == (1500, 2000)
    assert len(decoded) == 1 and decoded[0] < 2000

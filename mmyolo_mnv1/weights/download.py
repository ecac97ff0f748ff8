"""Files of weights by name or web address, downloaded once."""

import difflib
import errno
import hashlib
import os
import re
import shutil
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlparse
from urllib.request import urlopen

import torch
from filelock import FileLock
from tqdm import tqdm

from ..errors import InputError
from ..files import DISK_FULL, replacing

#: Environment variable: a folder of weights that is looked at first.
FOLDER = "MMYOLO_MNV1_WEIGHTS"
#: Seconds without data until a server counts as unreachable.
TIMEOUT = 30


class Download(NamedTuple):
    """A file of weights on the web.

    Args:
        url (str): Its address.
        file (str): Its name on the disk, below PyTorch's hub folder.
        sha256 (str): Start of its SHA-256, in hexadecimal digits; empty if it is not
            known: then only the size that the server announces is checked.
    """

    url: str
    file: str
    sha256: str = ""


_TIMM = "https://huggingface.co/timm/{}/resolve/main/model.safetensors"
_ULTRALYTICS = "https://github.com/ultralytics/assets/releases/download/v8.3.0/{}"
#: Weights by name. Ultralytics publishes its files under the AGPL-3.0, timm its under
#: the Apache-2.0.
NAMED = {
    f"timm://{name}": Download(_TIMM.format(name), f"{name}.safetensors")
    for name in (
        "mobilenetv1_100.ra4_e3600_r224_in1k",
        "mobilenetv1_125.ra4_e3600_r224_in1k",
    )
} | {
    f"ultralytics://{name}": Download(_ULTRALYTICS.format(name), name, sha256)
    for name, sha256 in {
        "yolo11n.pt": (
            "0ebbc80d4a7680d14987a577cd21342b65ecfd94632bd9a8da63ae6417644ee1"
        ),
        "yolo11s.pt": (
            "85a76fe86dd8afe384648546b56a7a78580c7cb7b404fc595f97969322d502d5"
        ),
        "yolo11m.pt": (
            "d5ffc1a674953a08e11a8d21e022781b1b23a19b730afc309290bd9fb5305b95"
        ),
        "yolo11l.pt": (
            "9ebd0e09d59811db4b1d61e2bc6730649608b1ac47f8dd01e2da6bca7c20023f"
        ),
        "yolo11x.pt": (
            "7bc158aa95c0ebfdd87f70f01653c1131b93e92522dbe15c228bcd742e773a24"
        ),
    }.items()
}
#: Schemes of the names, and of web addresses.
NAME_SCHEMES, WEB_SCHEMES = ("timm://", "ultralytics://"), ("http://", "https://")


def local_file(address: str) -> Path:
    """Find the file of weights, and download it if it is not on this machine.

    Several processes may ask for the same file: one downloads, the others wait.

    Args:
        address (str): A name of :data:`NAMED`, a web address, or a path.

    Returns:
        Path: The file in the folder ``MMYOLO_MNV1_WEIGHTS``, else in PyTorch's hub
        folder; a path is returned as it is.

    Raises:
        InputError: If the name is unknown, or the file cannot be downloaded whole.
    """
    if not address.startswith((*NAME_SCHEMES, *WEB_SCHEMES)):
        return Path(address).expanduser()
    wanted = _find(address)
    own = os.environ.get(FOLDER)
    if own and (path := Path(own).expanduser() / Path(wanted.file).name).is_file():
        return path
    path = Path(torch.hub.get_dir()) / "checkpoints" / wanted.file
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path):
            if not path.is_file():
                with replacing(path) as temporary:
                    _download(wanted, temporary)
    except (HTTPException, OSError, ValueError) as e:
        if isinstance(e, OSError) and e.errno in (*DISK_FULL, errno.EACCES):
            problem = f"{wanted.url} cannot be written to {path} ({e.strerror})"
        else:
            problem = f"{wanted.url} cannot be downloaded ({_reason(e)})"
        raise InputError(
            f"{problem}: put the file there as {path}, or as {path.name} into a "
            f"folder that {FOLDER} names; pretrained = None trains from scratch"
        ) from None
    return path


def locked(path: Path) -> FileLock:
    """Context manager: one process at a time works on a download."""
    return FileLock(f"{path}.lock")


def is_downloaded(path: Path) -> bool:
    """Whether a file is in PyTorch's hub folder, where converted copies are kept."""
    return Path(torch.hub.get_dir()) in path.parents


def _find(address: str) -> Download:
    if address in NAMED:
        return NAMED[address]
    if address.startswith(NAME_SCHEMES):
        near = difflib.get_close_matches(address, NAMED, n=3, cutoff=0.5) or NAMED
        raise InputError(f"no weights are named {address}: choose {', '.join(near)}")
    parts = urlparse(address)
    # Files of PyTorch's hub and of OpenMMLab have the start of their hash in the name.
    digits = re.search(r"-([a-f0-9]{8,64})\.", parts.path)
    name = f"{parts.netloc.replace(':', '_')}{parts.path}"
    return Download(address, name, digits[1] if digits else "")


def _download(wanted: Download, path: Path) -> None:
    """Download a file and check its size and hash.

    Raises:
        OSError: If it is not whole or differs.
    """
    name = Path(wanted.file).name
    with urlopen(wanted.url, timeout=TIMEOUT) as response, path.open("wb") as file:
        with tqdm.wrapattr(
            response, "read", total=response.length, desc=name, delay=0.5
        ) as body:
            shutil.copyfileobj(body, file)
        if response.length:  # bytes still announced
            raise OSError(f"the transfer broke off {response.length} bytes too early")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if not digest.startswith(wanted.sha256):
        raise OSError(f"its SHA-256 is {digest}, not {wanted.sha256}")


def _reason(e: Exception) -> str:
    if isinstance(e, HTTPError):
        return f"HTTP {e.code} {e.reason}"
    return str(getattr(e, "reason", None) or e or type(e).__name__)

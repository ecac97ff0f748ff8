"""Weights by name and web address, from a server on loopback."""

import hashlib
import http.server
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from unittest import mock

import pytest

from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.weights import download
from mmyolo_mnv1.weights.download import Download, local_file

CONTENT = bytes(range(256)) * 500
NAME = "timm://mobilenetv1_100.ra4_e3600_r224_in1k"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one file; counts requests."""

    requests: list[str]

    def do_GET(self):
        self.requests.append(self.path)
        if self.path == "/moved.pth":
            self.send_response(302)
            self.send_header("Location", "/whole.pth")
            self.end_headers()
            return
        if self.path == "/none.pth":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        broken = self.path == "/broken.pth"
        self.wfile.write(CONTENT[: len(CONTENT) // 2] if broken else CONTENT)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    """Address of a server."""
    Handler.requests = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture(autouse=True)
def hub(tmp_path, monkeypatch) -> Path:
    """PyTorch's hub folder, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.delenv(download.FOLDER, raising=False)
    Handler.requests.clear() if hasattr(Handler, "requests") else None
    return tmp_path / "hub"


def files(folder: Path) -> list[str]:
    """Files below a folder, without locks."""
    paths = (p for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock")
    return [p.name for p in paths]


def refusal(address: str) -> str:
    with pytest.raises(InputError) as error:
        local_file(address)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["whole", "moved"])
def test_downloads_once(server, hub, name):
    for _ in range(2):
        path = local_file(f"{server}/{name}.pth")
        assert path.read_bytes() == CONTENT and hub in path.parents
    assert len(Handler.requests) == dict(whole=1, moved=2)[name]
    assert files(hub) == [f"{name}.pth"]


def test_two_at_a_time_download_once(server):
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(local_file, [f"{server}/whole.pth"] * 4))
    assert len(paths) == 1 and paths.pop().read_bytes() == CONTENT
    assert Handler.requests == ["/whole.pth"]


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("none", "HTTP 404 Not Found"),
        ("broken", "the transfer broke off 64000 bytes too early"),
    ],
)
def test_nothing_is_left_of_a_failed_download(server, hub, file, words):
    url = f"{server}/{file}.pth"
    line = refusal(url)
    assert f"{url} cannot be downloaded ({words})" in line
    assert "MMYOLO_MNV1_WEIGHTS" in line and "pretrained = None" in line
    assert files(hub) == []


def test_no_network(hub, monkeypatch):
    wanted = download.NAMED[NAME]._replace(url="http://127.0.0.1:9/x.safetensors")
    monkeypatch.setitem(download.NAMED, NAME, wanted)
    line = refusal(NAME)
    assert wanted.url in line and "Connection refused" in line
    assert str(hub / "hub/checkpoints" / wanted.file) in line
    assert files(hub) == []


def test_hash_is_checked(server, hub, monkeypatch):
    digest = hashlib.sha256(CONTENT).hexdigest()
    for sha256 in (digest, "0" * 64):
        wanted = Download(f"{server}/whole.pth", f"{sha256[:4]}.pt", sha256)
        monkeypatch.setitem(download.NAMED, "ultralytics://yolo11n.pt", wanted)
        if sha256 == digest:
            assert local_file("ultralytics://yolo11n.pt").read_bytes() == CONTENT
        else:
            assert f"SHA-256 is {digest}, not 0000" in refusal(
                "ultralytics://yolo11n.pt"
            )
    assert files(hub) == [f"{digest[:4]}.pt"]


def test_hash_in_the_name_is_checked(server, hub):
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert local_file(f"{server}/w-{digest[:8]}.pth").is_file()
    assert "SHA-256" in refusal(f"{server}/w-00000000.pth")
    assert files(hub) == [f"w-{digest[:8]}.pth"]


def test_full_disk(server, hub):
    full = partial(OSError, 28, os.strerror(28))
    with mock.patch.object(download.shutil, "copyfileobj", side_effect=full()):
        line = refusal(f"{server}/whole.pth")
    assert "cannot be written to" in line and "No space left on device" in line
    assert files(hub) == []


def test_own_folder_comes_first(hub, tmp_path, monkeypatch):
    monkeypatch.setenv(download.FOLDER, str(tmp_path / "own"))
    own = tmp_path / "own" / download.NAMED[NAME].file
    own.parent.mkdir()
    own.write_bytes(b"x")
    assert local_file(NAME) == own


def test_unknown_name_lists_near_ones():
    line = refusal("timm://mobilenet_100.ra4_e3600_r224_in1k")
    assert f"choose {NAME}" in line
    assert "ultralytics://yolo11n.pt" in refusal("ultralytics://yolo11.pt")


def test_paths_stay_paths(tmp_path):
    assert local_file(str(tmp_path / "x.pth")) == tmp_path / "x.pth"

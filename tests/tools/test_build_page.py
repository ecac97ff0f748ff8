"""Page of docs/demo: detections in a browser equal those of Python."""

import base64
import functools
import http.server
import shutil
import threading
from pathlib import Path
from urllib.request import Request, urlopen

import cv2
import numpy as np
import onnx
import pytest
from skimage import data as photos

from mmyolo_mnv1.deploy import Detector
from mmyolo_mnv1.deploy.runtime.metadata import Preprocessing
from mmyolo_mnv1.deploy.runtime.processing import letterbox, normalise
from mmyolo_mnv1.errors import InputError
from tests.helpers.page_model import export_untrained, save_pictures
from tools.misc.build_page import build_page

pytestmark = pytest.mark.slow

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
MARGIN = 1e-2  # of scores
REGISTRY = "https://registry.npmjs.org/onnxruntime-web"


@pytest.fixture(scope="module")
def pictures(root, tmp_path_factory) -> dict[str, Path]:
    """Photos by the kind of resizing they need, with the page's example."""
    own = dict(halved=root / "docs/demo/photo.jpg")
    return own | save_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def model(root, pictures, tmp_path_factory) -> Path:
    """Exported detector that finds tens of boxes in each picture."""
    config = root / "configs/yolo11_mnv1_n_digits.py"
    return export_untrained(config, pictures.values(), tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def page(model, root, python, tmp_path_factory) -> Path:
    """Folder that the tool writes."""
    if not shutil.which("npm"):
        pytest.skip("npm is not here")
    out = tmp_path_factory.mktemp("page")
    (out / "model.onnx").write_text("an older one")
    done = python(root / "tools/misc/build_page.py", model, "--out", out)
    if "npm ci failed" in done.stderr and not reachable(REGISTRY):
        pytest.skip("npm's registry cannot be reached")
    assert done.returncode == 0, done.stderr
    assert f"http.server --directory {out}" in done.stdout
    return out


def reachable(url: str) -> bool:
    """Whether a server answers with status 200."""
    try:
        return urlopen(Request(url, method="HEAD"), timeout=5).status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def url(page):
    """URL of the folder, served by Python's http.server."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args) -> None:
            pass

    handler = functools.partial(Handler, directory=str(page))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium with a fake camera."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("Chromium is not here")
    args = ["--disable-gpu", "--disable-quic", "--use-fake-device-for-media-stream"]
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=args)
        yield opened
        opened.close()


@pytest.fixture
def tab(browser, url):
    """Tab with the page at a phone's width, after its first detection."""
    context = browser.new_context(viewport=dict(width=360, height=740))
    tab = context.new_page()
    tab.problems = []
    tab.on("pageerror", lambda error: tab.problems.append(str(error)))
    tab.requests = []
    tab.on("request", lambda request: tab.requests.append(request.url))
    tab.goto(url)
    tab.wait_for_selector("tbody tr")
    yield tab
    context.close()
    assert not tab.problems
    assert f"{url}model.onnx" in tab.requests
    assert all(each.startswith((url, "data:")) for each in tab.requests)


def read_table(tab) -> list[tuple[str, float, np.ndarray]]:
    """Name, score and box of every row."""
    rows = [row.inner_text().split("\t") for row in tab.query_selector_all("tbody tr")]
    return [
        (name.strip(), float(score), np.array(box.split(", "), float))
        for name, score, box in rows
    ]


def assert_agrees(rows, model: Path, photo: Path, threshold: float) -> None:
    """Same detections: boxes within 1 px, scores within 1e-2."""
    detections = Detector(model)(cv2.imread(str(photo)))
    expected = list(
        zip(detections.names, detections.scores, detections.boxes, strict=True)
    )

    def matched(one, others) -> bool:
        return any(
            one[0] == other[0]
            and abs(one[1] - other[1]) <= MARGIN
            and np.abs(one[2] - other[2]).max() <= 1
            for other in others
        )

    sure = [one for one in expected if one[1] >= threshold + MARGIN]
    assert len(sure) > 10 and len({name for name, *_ in sure}) > 1
    assert [one for one in sure if not matched(one, rows)] == []
    assert [row for row in rows if not matched(row, expected)] == []
    assert all(score >= threshold - 5e-4 for _, score, _ in rows)


def test_bundled_photo(tab, root, model):
    rows = read_table(tab)
    assert_agrees(rows, model, root / "docs/demo/photo.jpg", 0.3)
    assert tab.inner_text("#summary") == f"{len(rows)} detections"
    assert "ms a frame: letterbox" in tab.inner_text("#timing")
    assert tab.get_attribute("#view", "aria-label").startswith("640 by 572 pixels")
    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    colours = "[...document.querySelector('canvas').getContext('2d')"
    pixels = tab.evaluate(f"{colours}.getImageData(0, 0, 300, 250).data]")
    assert np.std(pixels) > 10


@pytest.mark.parametrize("picture", ["turned", "enlarged", "unchanged", "grey"])
def test_chosen_photo(tab, model, pictures, picture):
    path = pictures[picture]
    tab.set_input_files("#file", path)
    height, width = cv2.imread(str(path)).shape[:2]
    tab.wait_for_selector(f"#view[aria-label^='{width} by {height} pixels']")
    assert_agrees(read_table(tab), model, path, 0.3)


LETTERBOX = """async ([photo, width, height, metadata]) => {
    const { letterbox } = await import("./letterbox.js");
    const data = Uint8ClampedArray.from(atob(photo), (byte) => byte.charCodeAt(0));
    const placed = letterbox({ data, width, height }, metadata);
    return { ...placed, input: Array.from(placed.input) };
}"""


@pytest.mark.parametrize(
    ("size", "shape", "scale_up"),
    [
        ((512, 384), (320, 320), False),  # shrunk
        ((512, 384), (192, 256), False),  # by two
        ((384, 512), (128, 192), False),  # shrunk twice
        ((77, 51), (320, 320), False),  # enlarged
        ((77, 51), (320, 320), True),  # enlarged twice
    ],
)
def test_letterbox(tab, size, shape, scale_up):
    """The same pixels as OpenCV's, but for one in a thousand that is one level off."""
    photo = cv2.resize(photos.coffee(), size)
    rgba = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    preprocessing = Preprocessing("bgr", (103.5, 116.3, 123.7), (57.4, 57.1, 58.4))
    preprocessing = preprocessing._replace(scale_up=scale_up)
    metadata = dict(input_shape=shape, preprocessing=preprocessing._asdict())
    text = base64.b64encode(rgba.tobytes()).decode()
    placed = tab.evaluate(LETTERBOX, [text, *size, metadata])
    expected = letterbox(photo[..., ::-1], shape, preprocessing)
    image = normalise([expected.image], preprocessing)[0]
    levels = np.array(placed["input"]).reshape(image.shape) - image
    levels = np.abs(levels) * np.array(preprocessing.std)[:, None, None]
    assert levels.max() < 1.001 and (levels > 1e-3).mean() < 1e-3
    assert placed["offset"] == list(expected.offset)
    assert placed["scale"] == pytest.approx(expected.scale, abs=1e-9)


def test_keyboard(tab, root, model):
    """Tab reaches every control; the threshold filters."""
    few = len(read_table(tab))
    reached = []
    for _ in range(4):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.id"))
    assert reached == ["file", "camera", "example", "threshold"]
    tab.keyboard.press("Home")
    rows = read_table(tab)
    assert len(rows) > few and tab.inner_text("#threshold-value") == "0.05"
    assert_agrees(rows, model, root / "docs/demo/photo.jpg", 0.05)
    tab.keyboard.press("End")
    assert len(read_table(tab)) < few


def test_dropped_file_without_an_image(tab):
    tab.evaluate(
        """() => {
            const files = new DataTransfer();
            files.items.add(new File(["text"], "notes.txt"));
            const event = new DragEvent("drop", { dataTransfer: files, bubbles: true });
            document.body.dispatchEvent(event);
        }"""
    )
    tab.wait_for_selector("#error:not(:empty)")
    assert tab.inner_text("#error") == (
        "notes.txt is no image that this browser reads: choose a JPEG or PNG."
    )
    tab.click("#example")
    tab.wait_for_selector("#error:empty", state="attached")


def test_camera(tab):
    tab.click("#camera")
    tab.wait_for_selector("#error:not(:empty)")
    assert "No camera: its use was refused" in tab.inner_text("#error")
    tab.context.grant_permissions(["camera"])
    tab.click("#camera")
    tab.wait_for_selector("#view[aria-label^='640 by 480 pixels']")
    timings = set()
    for _ in range(100):
        timings.add(tab.inner_text("#timing"))
        tab.wait_for_timeout(20)
    assert len(timings) > 3  # frames
    assert tab.inner_text("#camera") == "Stop the camera"
    tab.click("#camera")
    assert tab.inner_text("#camera") == "Use the camera"
    assert tab.inner_text("#summary").endswith("detections")


def test_missing_model(browser, url):
    with browser.new_context() as context:
        tab = context.new_page()
        context.route("**/model.onnx", lambda route: route.fulfill(status=404))
        tab.goto(url)
        tab.wait_for_selector("#error:not(:empty)")
        assert "model.onnx is missing (HTTP 404)" in tab.inner_text("#error")
        assert tab.is_disabled("#file") and tab.is_disabled("#camera")


def test_bad_input(model, root, tmp_path, monkeypatch):
    def refused(path: Path, words: str) -> None:
        with pytest.raises(InputError, match=words) as error:
            build_page(path, tmp_path / "page", root / "docs/demo")
        assert "\n" not in str(error.value)
        assert not (tmp_path / "page").exists()

    graph = onnx.load(model)
    foreign, nms = tmp_path / "foreign.onnx", tmp_path / "nms.onnx"
    metadata = {each.key: each.value for each in graph.metadata_props}
    onnx.helper.set_model_props(graph, metadata | dict(form="nms"))
    onnx.save(graph, nms)
    del graph.metadata_props[:]
    onnx.save(graph, foreign)
    refused(foreign, "foreign.onnx has no metadata of this package")
    refused(nms, "nms.onnx has NMS in its graph.*--nms none")
    refused(tmp_path / "model.xml", "use --format onnx")
    refused(tmp_path / "none.onnx", "none.onnx not found")
    monkeypatch.setenv("PATH", "")
    refused(model, "npm is not here: apt-get install npm")

"""Evaluation report end to end: files, page, command line, bad input."""

import base64
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import cv2
import pytest
from PIL import Image

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.evaluation.data import load_truth
from mmyolo_mnv1.evaluation.error_crops import CROP_SIZE
from mmyolo_mnv1.evaluation.eval_report import eval_report

PICTURES = {
    *("class_ap", "confusion", "scores", "false_positives", "misses"),
    *("pr_iou_50", "pr_iou_75", "pr_iou_mean"),
}


@pytest.fixture
def results(config, tmp_path):
    """Detections of every digit, every second one with the next class."""
    truth = load_truth(config())
    ids = truth.cat_ids
    path = tmp_path / "results.json"
    detections = [
        dict(
            image_id=o["image_id"],
            category_id=ids[(ids.index(o["category_id"]) + o["id"] % 2) % 10],
            bbox=o["bbox"],
            score=0.5 + o["id"] / 1000,
        )
        for o in truth.coco.dataset["annotations"]
    ]
    path.write_text(json.dumps(detections))
    return path


class Page(HTMLParser):
    """Images, attributes that could load a resource, and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.images, self.links, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "img":
            kind, data = attrs["src"].split(";base64,")
            self.images.append((kind, base64.b64decode(data, validate=True)))
        self.links += [attrs[key] for key in ("href", "data", "srcset") if key in attrs]
        assert tag not in {"script", "link", "iframe"}

    def handle_data(self, data):
        self.text += data


def test_page_and_files(config, results, tmp_path):
    out = tmp_path / "out"
    report = eval_report(config(), out, results=results, score_thr=0.5)
    assert json.loads((out / "report.json").read_text()) == report
    wrong = (report["summary"]["objects"] + 1) // 2
    for name in ("false_positives", "misses"):
        assert report[name]["class confusion"]["count"] == wrong > 8
    assert {p.name for p in out.iterdir()} == {
        *("report.html", "report.json"),
        *(f"{name}.png" for name in PICTURES),
    }
    for name in PICTURES:
        assert cv2.imread(str(out / f"{name}.png")).std() > 5
    html = (out / "report.html").read_text()
    page = Page(html)
    assert not page.links and "@import" not in html and "url(" not in html
    files = [(out / f"{name}.png").read_bytes() for name in PICTURES]
    shown = [data for kind, data in page.images if kind == "data:image/png"]
    assert len(shown) == 6 and all(data in files for data in shown)
    errors = [
        error
        for name in ("false_positives", "misses")
        for group in report[name].values()
        for error in group["worst"]
    ]
    crops = [data for kind, data in page.images if kind == "data:image/jpeg"]
    assert len(crops) == len(errors) == 16
    for data in crops:
        assert Image.open(io.BytesIO(data)).size == (CROP_SIZE, CROP_SIZE)
    for error in errors:
        assert error["reason"] in page.text and error["image"] in page.text
    assert f"AP {report['summary']['AP']:.3f}" in page.text
    assert 'name="viewport"' in html


def test_names_stay_as_they_are(root, digits, results, tmp_path):
    """Class names with meaning in HTML, in mathtext and in Matplotlib's legends."""
    names = ("<b>0</b>", r"$\bad$", "&amp;", "_3", "$", "五", *"6789")
    file = digits / "annotations/val.json"
    coco = json.loads(file.read_text())
    for category, name in zip(coco["categories"], names, strict=True):
        category["name"] = name
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/val.json").write_text(json.dumps(coco))
    options = dict(data_root=str(tmp_path), classes=names)
    options["img_dirs.test"] = str(digits / "val")
    cfg = load_config(root / "configs/yolo11_mnv1_n_digits.py", options)
    eval_report(cfg, tmp_path / "out", results=results)
    page = Page((tmp_path / "out/report.html").read_text())
    for name in names:
        assert name in page.text


def test_nothing_detected(config, tmp_path):
    results = tmp_path / "none.json"
    results.write_text("[]")
    report = eval_report(config(), tmp_path / "out", results=results)
    assert report["summary"]["AP"] == 0 and report["detections"] == 0
    page = Page((tmp_path / "out/report.html").read_text())
    assert "Nothing was detected." in page.text and "None." in page.text
    for name in PICTURES:
        assert cv2.imread(str(tmp_path / f"out/{name}.png")) is not None


def test_refuses_a_file_for_a_folder(config, results, tmp_path):
    (tmp_path / "out").write_text("")
    for out in (tmp_path / "out", tmp_path / "out/report"):
        with pytest.raises(InputError, match=f"{out} cannot be written"):
            eval_report(config(), out, results=results)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(), "a checkpoint or --results"),
        (dict(results=Path("a.json"), checkpoint=Path("a.pth")), "not both"),
        (dict(results=Path("a.json"), score_thr=1.5), "--score-thr 1.5"),
        (dict(results=Path("a.json"), iou_thr=0.1), "--iou-thr 0.1"),
        (dict(results=Path("a.json"), worst=0), "--worst 0"),
        (dict(results=Path("none.json")), "none.json not found"),
        (dict(checkpoint=Path("none.pth")), "none.pth not found"),
    ],
)
def test_refuses_options(config, tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        eval_report(config(), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_refuses_an_unreadable_image(config, digits, results, tmp_path):
    """Refused at start-up, though it ends with a JPEG end marker."""
    photos = tmp_path / "val"
    photos.mkdir()
    for path in (digits / "val").iterdir():
        (photos / path.name).write_bytes(b"no photo\xff\xd9")
    cfg = config(**{"img_dirs.test": f"{photos}/"})
    with pytest.raises(InputError, match=r"6 not readable as an image \(.*restore"):
        eval_report(cfg, tmp_path / "out", results=results)
    assert not (tmp_path / "out").exists()


def test_command_line(root, digits, results, tmp_path, tool):
    script = "tools/analysis_tools/eval_report.py"
    config = root / "configs/yolo11_mnv1_n_digits.py"
    out = tmp_path / "out"
    arguments = [script, config, "--results", results, "--out", out, "--cfg-options"]
    done = tool(*arguments, f"data_root={digits}")
    assert done.returncode == 0, done.stderr
    report = json.loads((out / "report.json").read_text())
    assert f"AP {report['summary']['AP']:.3f}, AP50 " in done.stdout
    assert f"written to {out / 'report.html'}" in done.stdout
    done = tool(*arguments, "data_root=nowhere")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("mmyolo-mnv1: annotation file nowhere/")

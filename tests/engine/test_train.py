"""Training as users run it: ``mim train`` and ``mim test`` on real data."""

import json
import sys
from pathlib import Path

import mmyolo
import pytest
import torch

pytestmark = pytest.mark.train

MIM = Path(sys.executable).with_name("mim")


@pytest.fixture
def config(root, digits, tmp_path):
    """Write a config on the small digits data: 2 iterations an epoch."""

    def write(extra: str = "", max_epochs: int = 1) -> Path:
        path = tmp_path / "config.py"
        path.write_text(
            f"""
_base_ = {str(root / "configs/yolo11_mnv1_n_digits.py")!r}
data_root = {str(digits) + "/"!r}
loader = dict(num_workers=0, persistent_workers=False)
loader = dict(loader, dataset=dict(data_root=data_root))
train_dataloader = dict(loader, batch_size=8)
val_dataloader = loader
test_dataloader = loader
val_evaluator = dict(ann_file=data_root + "annotations/val.json")
test_evaluator = val_evaluator
train_cfg = dict(max_epochs={max_epochs}, val_interval=1)
{extra}
"""
        )
        return path

    return write


def metrics(work_dir: Path) -> list[dict]:
    """Rows with an mAP that the runs in ``work_dir`` logged, oldest first."""
    rows = []
    for file in sorted(work_dir.glob("*/*.json")) + sorted(
        work_dir.glob("*/vis_data/scalars.json")
    ):
        rows += [json.loads(line) for line in file.read_text().splitlines()]
    return [row for row in rows if "coco/bbox_mAP" in row]


def test_train_resume_test(config, python, tmp_path):
    work_dir = tmp_path / "work"

    def mim(command, *args):
        done = python(MIM, command, "mmyolo", *args, "--work-dir", work_dir)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    mim("train", config())
    first = torch.load(work_dir / "epoch_1.pth", weights_only=False)
    assert first["meta"]["iter"] == 2
    assert first["meta"]["dataset_meta"]["classes"] == tuple("0123456789")

    mim("train", config(max_epochs=2), "--resume")
    log = "".join(path.read_text() for path in work_dir.glob("*/*.log"))
    assert "resumed epoch: 1, iter: 2" in log
    second = torch.load(work_dir / "epoch_2.pth", weights_only=False)
    assert second["meta"]["iter"] == 4
    weights = "backbone.stem.conv.weight"
    assert not torch.equal(first["state_dict"][weights], second["state_dict"][weights])

    validated = metrics(work_dir)[-1]
    tested = tmp_path / "test"
    done = python(
        *(MIM, "test", "mmyolo", config(), "-C", work_dir / "epoch_2.pth"),
        *("--work-dir", tested),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert metrics(tested)[-1]["coco/bbox_mAP"] == validated["coco/bbox_mAP"]

    augmented = tmp_path / "tta"
    done = python(
        *(MIM, "test", "mmyolo", config(), "-C", work_dir / "epoch_2.pth"),
        *("--work-dir", augmented, "--tta"),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert metrics(augmented)[-1]["coco/bbox_mAP"] >= 0


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("model = dict(backbone=dict(alpha=0))", ["alpha is 0"]),
        ("model = dict(backbone=dict(out_indices=(3, 9)))", ["out_indices"]),
        ("model = dict(scale='z')", ["scale is 'z'", "n, s, m, l, x"]),
        ("model = dict(num_classes=3)", ["num_classes is 3", "10 names"]),
        ("img_scale = (200, 192)", ["img_scale is (200, 192)", "multiples of 32"]),
        (
            "train_dataloader['dataset']['ann_file'] = 'annotations/none.json'",
            ["none.json not found"],
        ),
        (
            "classes = ('cat', *'123456789')",
            ["['cat']", "train.json"],
        ),
        (
            "train_dataloader['dataset']['data_prefix'] = dict(img='val/')",
            ["10 missing", "val/000006.jpg"],
        ),
    ],
)
def test_bad_input_ends_with_one_line(config, python, tmp_path, extra, words):
    train = Path(mmyolo.__file__).parent / ".mim/tools/train.py"  # what mim runs
    done = python(train, config(extra), "--work-dir", tmp_path / "work")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("mmyolo-mnv1: ")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in last


def test_foreign_checkpoint_is_refused(config, python, tmp_path):
    torch.save(dict(state_dict={"fc.weight": torch.ones(2)}), tmp_path / "x.pth")
    train = Path(mmyolo.__file__).parent / ".mim/tools/train.py"
    extra = f"load_from = {str(tmp_path / 'x.pth')!r}"
    done = python(train, config(extra), "--work-dir", tmp_path / "work")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("mmyolo-mnv1: ") and "x.pth: 0 of the model's" in last
    assert not list((tmp_path / "work").glob("*.pth"))


def test_mim_train_tells_where_coco_belongs(root, python, tmp_path):
    done = python(
        *(MIM, "train", "mmyolo", root / "configs/yolo11_mnv1_m.py"),
        *("--work-dir", tmp_path / "work"),
        cwd=tmp_path,
    )
    assert done.returncode != 0
    lines = [x for x in done.stderr.splitlines() if x.startswith("mmyolo-mnv1: ")]
    assert len(lines) == 1
    assert "data/coco/annotations/instances_train2017.json not found" in lines[0]
    assert "cocodataset.org" in lines[0]

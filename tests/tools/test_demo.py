"""Demo end to end in small: data, training, evaluation, pictures, resuming."""

import cv2
import pytest

from tools.misc.demo import run_demo


@pytest.mark.train
def test_demo_resumes_and_writes_pictures(root, tmp_path):
    config = tmp_path / "config.py"
    text = f"""
_base_ = {str(root / "configs/yolo11_mnv1_n_digits.py")!r}
data_root = {str(tmp_path / "digits") + "/"!r}
img_scale = (96, 96)
loader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(data_root=data_root)
)
train_dataloader = dict(loader, batch_size=8)
val_dataloader = loader
test_dataloader = loader
val_evaluator = dict(ann_file=data_root + "annotations/val.json")
test_evaluator = val_evaluator
digits = dict(num_train=16, num_val=4)
"""
    work_dir = tmp_path / "work"
    config.write_text(text + "train_cfg = dict(max_epochs=1, val_interval=1)\n")
    first = run_demo(config, work_dir)
    assert set(first) == {"mAP", "mAP_50", "params", "conv_macs", "ms_per_image"}
    assert first["params"] == 1_849_630 and first["ms_per_image"] > 0
    config.write_text(text + "train_cfg = dict(max_epochs=2, val_interval=1)\n")
    run_demo(config, work_dir)  # resumes after epoch 1
    assert sorted(p.name for p in work_dir.glob("epoch_*.pth")) == [
        "epoch_1.pth",
        "epoch_2.pth",
    ]
    grid = cv2.imread(str(work_dir / "detections.png"))
    assert grid.shape == (400, 1600, 3) and grid.std() > 10
    assert cv2.imread(str(work_dir / "curve.png")) is not None
    assert not list(work_dir.glob(".*.png"))

"""What the runner says of checkpoints, and test-time augmentation."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmyolo.registry import MODELS, RUNNERS

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.engine import YOLO11Runner
from mmyolo_mnv1.engine.runner import compare_tensors
from mmyolo_mnv1.errors import InputError
from tests.helpers.small_runs import write_config


@pytest.fixture
def runner(root, digits, tmp_path):
    """A runner of the digits config that is ready to load a checkpoint."""
    cfg = Config.fromfile(root / "configs/yolo11_mnv1_n_digits.py")
    cfg.merge_from_dict(dict(data_root=str(digits), work_dir=str(tmp_path / "work")))
    cfg.custom_hooks = []  # EMA is ready only when training begins
    return RUNNERS.build(cfg)


def test_config_is_resolved(runner):
    assert type(runner) is YOLO11Runner
    assert "${" not in runner.cfg.pretty_text
    assert runner.model.bbox_head.num_classes == 10


def test_whole_checkpoint_is_not_worth_a_word(runner, tmp_path, caplog):
    torch.save(dict(state_dict=runner.model.state_dict()), tmp_path / "x.pth")
    runner.load_checkpoint(str(tmp_path / "x.pth"))
    assert "tensors match" not in caplog.text


def test_part_that_fits_is_counted(runner, tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(
        "mmyolo_mnv1.engine.runner.print_log", lambda line, **_: lines.append(line)
    )
    weights = runner.model.state_dict()
    total = len(weights)
    head = "bbox_head.head_module.cls_preds.0.2"
    weights[f"{head}.weight"] = weights[f"{head}.weight"][:3]
    weights[f"{head}.bias"] = weights[f"{head}.bias"][:3]
    del weights["backbone.stem.conv.weight"]
    weights["something.else"] = torch.ones(1)
    torch.save(dict(state_dict=weights), tmp_path / "x.pth")
    runner.load_checkpoint(str(tmp_path / "x.pth"))
    (line,) = lines
    for words in (
        f"x.pth: {total - 3} of the model's {total} tensors match",
        f"2 of another shape ({head}.weight, {head}.bias)",
        "1 missing (backbone.stem.conv.weight)",
        "1 unknown (something.else)",
    ):
        assert words in line
    assert "\n" not in line


def test_classes_of_the_checkpoint(runner, tmp_path, monkeypatch):
    """The same names in another order raise InputError; other names log a warning."""
    lines = []
    monkeypatch.setattr(runner.logger, "warning", lines.append)
    runner._testing = True
    digits = tuple("0123456789")
    weights = runner.model.state_dict()
    for classes in (digits, digits[::-1], tuple("abcdefghij")):
        meta = dict(dataset_meta=dict(classes=classes))
        torch.save(dict(state_dict=weights, meta=meta), tmp_path / "x.pth")
        if classes == digits[::-1]:
            words = "x.pth is not of .*digits.py: its classes are .*set classes = .'9'"
            with pytest.raises(InputError, match=words):
                runner.load_checkpoint(str(tmp_path / "x.pth"))
        else:
            runner.load_checkpoint(str(tmp_path / "x.pth"))
    (line,) = lines
    assert "x.pth was trained for classes ('a', 'b'," in line


@pytest.mark.parametrize("weights", [{}, {"fc.weight": torch.ones(2)}])
def test_nothing_that_fits_is_refused(runner, tmp_path, weights):
    torch.save(dict(state_dict=weights), tmp_path / "x.pth")
    with pytest.raises(InputError, match="x.pth: 0 of the model's .* of another model"):
        runner.load_checkpoint(str(tmp_path / "x.pth"))


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None])
def test_what_is_no_checkpoint_is_refused(runner, tmp_path, content):
    path = tmp_path / "x.pth"
    if content is None:
        torch.save([1, 2], path)
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match="x.pth cannot be loaded") as error:
        runner.load_checkpoint(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        (dict(load_from="none.pth"), "load_from is none.pth"),
        (
            {"model.backbone.init_cfg": dict(type="Pretrained", checkpoint="none.pth")},
            "model.backbone.init_cfg.checkpoint is none.pth",
        ),
    ],
)
def test_missing_checkpoints_are_told_at_once(root, tmp_path, options, place):
    cfg = Config.fromfile(root / "configs/yolo11_mnv1_n_digits.py")
    cfg.merge_from_dict(dict(work_dir=str(tmp_path / "work"), **options))
    with pytest.raises(InputError, match=f"{place}, which is not found"):
        RUNNERS.build(cfg)
    assert not (tmp_path / "work").exists()


def test_names_of_a_wrapped_model_fit():
    weights = {"a": torch.ones(1)}
    assert compare_tensors({"module.a": torch.ones(1)}, weights) == (1, "")


def view(boxes, flip):
    """A view's prediction, in the flipped image's pixels."""
    meta = dict(
        ori_shape=(64, 64),
        img_shape=(64, 64),
        scale_factor=(1.0, 1.0),
        flip=flip,
        flip_direction="horizontal" if flip else None,
        img_id=0,
        img_path="x.jpg",
    )
    boxes = torch.tensor(boxes)
    return DetDataSample(
        metainfo=meta,
        pred_instances=InstanceData(
            bboxes=boxes[:, :4], scores=boxes[:, 4], labels=boxes[:, 5].long()
        ),
    )


def test_validation_without_training(digits, tmp_path):
    cfg = load_config(write_config(tmp_path / "run.py", digits))
    cfg.work_dir = str(tmp_path / "work")
    assert "coco/bbox_mAP" in RUNNERS.build(cfg).val()
    assert not list(tmp_path.rglob("*.pth"))


def test_tta_merges_views(root):
    cfg = Config.fromfile(root / "configs/yolo11_mnv1_n_bccd.py")
    model = MODELS.build(dict(**cfg.tta_model, module=cfg.model))
    straight = view([[10.0, 10, 20, 20, 0.6, 1]], flip=False)
    mirrored = view([[44.0, 10, 54, 20, 0.9, 1], [44, 10, 54, 20, 0.5, 2]], flip=True)
    (merged,) = model.merge_preds([[straight, mirrored]])
    found = merged.pred_instances
    assert found.scores.tolist() == pytest.approx([0.9, 0.5])
    assert found.labels.tolist() == [1, 2]
    assert found.bboxes.tolist() == [[10, 10, 20, 20]] * 2
    model.tta_cfg["nms"]["class_agnostic"] = True
    straight = view([[10.0, 10, 20, 20, 0.6, 1], [10, 10, 20, 20, 0.5, 2]], flip=False)
    (merged,) = model.merge_preds([[straight]])
    assert merged.pred_instances.labels.tolist() == [1]


def test_tta_of_nothing(root):
    cfg = Config.fromfile(root / "configs/yolo11_mnv1_n_bccd.py")
    model = MODELS.build(dict(**cfg.tta_model, module=cfg.model))
    views = [view([[0.0] * 6], flip) for flip in (False, True)]
    for sample in views:
        sample.pred_instances = sample.pred_instances[:0]
    (merged,) = model.merge_preds([views])
    assert len(merged.pred_instances) == 0

"""Distillation: its losses, and a training with a teacher of another backbone."""

import copy

import pytest
import torch
from mmyolo.registry import RUNNERS

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.engine.distillation import _fit_bins, distillation_losses
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.models.build import build_model
from tests.helpers.small_runs import write_config


def test_losses_are_least_for_the_teachers_predictions():
    teacher = torch.randn(2, 5, 3), torch.randn(2, 5, 4, 16)
    same = distillation_losses(teacher, teacher)
    other = distillation_losses((teacher[0] + 1, teacher[1].flip(3)), teacher)
    for name, loss in same.items():
        assert loss.item() == pytest.approx(0, abs=1e-5)
        assert other[name] > 0.1


def test_losses_are_weighted_by_the_teachers_score():
    """Where the teacher sees nothing, the distances are not compared."""
    scores = torch.full((1, 2, 3), -50.0)
    scores[0, 0, 1] = 50.0
    distances = torch.randn(1, 2, 4, 8)
    changed = distances.clone()
    changed[0, 1] += torch.randn(4, 8)
    losses = distillation_losses((scores, changed), (scores, distances))
    assert losses["loss_distill_dfl"].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("bins", [8, 12, 16])
def test_bins(bins):
    given = torch.rand(3, 4, 12).softmax(-1)
    fitted = _fit_bins(given, bins)
    assert fitted.shape == (3, 4, bins)
    assert torch.allclose(fitted.sum(-1), torch.ones(3, 4))
    common = min(bins, 12) - 1
    assert torch.equal(fitted[..., :common], given[..., :common])


@pytest.fixture(scope="module")
def files(digits, tmp_path_factory):
    """A teacher with YOLO11's own backbone: its config, and its checkpoint."""
    folder = tmp_path_factory.mktemp("distillation")
    config = write_config(folder / "teacher.py", digits, base="yolo11_n_digits.py")
    checkpoint = folder / "teacher.pth"
    model = build_model(load_config(config))
    torch.save(dict(state_dict=model.state_dict()), checkpoint)
    return config, checkpoint


def write_student(folder, digits, files, lines=""):
    config, checkpoint = map(str, files)
    lines = f"""
model = dict(
    type="DistilledYOLO11Detector",
    teacher={config!r},
    teacher_checkpoint={checkpoint!r},
    bbox_head=dict(head_module=dict(reg_max=12)),
)
work_dir = {str(folder)!r}
max_epochs, close_mosaic_epochs = 1, 1
val_cfg = val_dataloader = val_evaluator = None
{lines}"""
    return write_config(folder / "student.py", digits, lines)


@pytest.mark.train
def test_training(tmp_path, digits, files):
    """The student learns from the teacher, and stays an ordinary detector."""
    cfg = load_config(write_student(tmp_path, digits, files))
    runner = RUNNERS.build(cfg)
    runner.train()
    logged = runner.message_hub.log_scalars
    for name in ("loss_cls", "loss_distill_cls", "loss_distill_dfl"):
        assert logged[f"train/{name}"].current() > 0, name

    student = runner.model
    before = torch.load(files[1], weights_only=True)["state_dict"]
    teacher = student.teacher.network
    assert not any(
        layer.training for layer in teacher.modules() if hasattr(layer, "running_mean")
    )
    weight = "bbox_head.head_module.cls_preds.0.2.weight"
    assert torch.equal(teacher.state_dict()[weight], before[weight])
    assert copy.deepcopy(student).teacher is student.teacher  # the EMA's copy

    cfg.model.type = "YOLO11Detector"
    for name in ("teacher", "teacher_checkpoint"):
        del cfg.model[name]
    plain = build_model(cfg)
    saved = torch.load(tmp_path / "epoch_1.pth", weights_only=False)
    assert saved["state_dict"].keys() == plain.state_dict().keys()


@pytest.mark.parametrize("swapped", [False, True])
def test_teacher_sees_its_own_preprocessing(tmp_path, digits, files, swapped):
    """Its predictions are those of the ordinary detector on its own images."""
    options = {
        "model.data_preprocessor.mean": [127.5, 127.5, 100.0],
        "model.data_preprocessor.bgr_to_rgb": not swapped,
    }
    student = build_model(load_config(write_student(tmp_path, digits, files), options))
    student.init_weights()
    detector = build_model(load_config(files[0])).eval()
    detector.load_state_dict(torch.load(files[1], weights_only=True)["state_dict"])
    pixels = torch.rand(2, 3, 64, 64) * 255
    logits, _ = detector(pixels / 255)
    means = torch.tensor([127.5, 127.5, 100.0])[:, None, None]
    given = ((pixels.flip(1) if swapped else pixels) - means) / 255
    predicted, distances = student.teacher.predict(given)
    expected = torch.cat([level.flatten(2) for level in logits], 2).transpose(1, 2)
    assert torch.allclose(predicted, expected, atol=1e-4)
    assert distances.shape == (2, 84, 4, 16)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("classes = tuple('abcdefghij')", "has the classes .* same classes"),
        ("model['teacher_checkpoint'] = 'no.pth'", "teacher_checkpoint is no.pth"),
        ("model['teacher'] = 'no.py'", "config no.py not found"),
    ],
)
def test_refuses_a_teacher_before_training(tmp_path, digits, files, lines, message):
    runner = RUNNERS.build(load_config(write_student(tmp_path, digits, files, lines)))
    with pytest.raises(InputError, match=message):
        runner.train()
    assert not list(tmp_path.glob("*.pth"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model.scale": "s"}, "checkpoint .* is not of"),
        ({"classes": ["a"]}, "number of classes 1 and 10"),
        (
            {
                "model.bbox_head.head_module.featmap_strides": (4, 8, 16),
            },
            r"strides \(4, 8, 16\) and \(8, 16, 32\)",
        ),
        ({"model.bbox_head.head_module.reg_max": 1}, "reg_max.* False and True"),
    ],
)
def test_refuses_another_teacher(tmp_path, digits, files, options, message):
    load_config(files[0], options).dump(tmp_path / "other.py")
    others = tmp_path / "other.py", files[1]
    student = build_model(load_config(write_student(tmp_path, digits, others)))
    with pytest.raises(InputError, match=message):
        student.init_weights()

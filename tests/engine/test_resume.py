"""Resuming when something has changed: batch, images, epochs, classes, place."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.fileio import LocalBackend
from mmengine.logging import MMLogger
from mmyolo.registry import RUNNERS

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.engine import SafeCheckpointHook
from mmyolo_mnv1.errors import InputError
from tests.helpers.small_runs import write_config

pytestmark = pytest.mark.train

QUICK = dict(max_epochs=2, close_mosaic_epochs=0, val_interval=9)


@pytest.fixture
def config(digits, tmp_path) -> Path:
    return write_config(tmp_path / "run.py", digits)


@pytest.fixture
def warnings(monkeypatch) -> list[str]:
    """Warnings of the runner's logger."""
    lines: list[str] = []
    monkeypatch.setattr(
        MMLogger, "warning", lambda self, line, *_: lines.append(str(line))
    )
    return lines


def train(config: Path, work_dir: Path, **options) -> object:
    """Resume in this process, or start; the runner."""
    cfg = load_config(config, {**QUICK, **options})
    cfg.work_dir, cfg.experiment_name = str(work_dir), f"{work_dir}{len(options)}"
    cfg.resume = (work_dir / "last_checkpoint").is_file()
    runner = RUNNERS.build(cfg)
    runner.train()
    return runner


@pytest.fixture(scope="module")
def finished(digits, tmp_path_factory) -> Path:
    """Work directory of 2 epochs of 4 iterations."""
    folder = tmp_path_factory.mktemp("finished")
    train(write_config(folder / "run.py", digits), folder / "work")
    return folder / "work"


@pytest.fixture
def work_dir(finished, tmp_path) -> Path:
    """A copy of it: its ``last_checkpoint`` names the original."""
    shutil.copytree(finished, tmp_path / "work")
    return tmp_path / "work"


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=False)["state_dict"]


def test_larger_batch(config, finished, work_dir, warnings):
    """2 iterations an epoch instead of 4: every epoch trains."""
    options = {"max_epochs": 4, "train_dataloader.batch_size": 8}
    runner = train(config, work_dir, **options)
    assert runner.iter == 8 and runner.epoch == 4
    (line,) = [w for w in warnings if "iterations" in w]
    assert line.startswith("an epoch has 2 iterations, 4 in the checkpoint: ")
    assert "start of epoch 3, iteration 4, learning rate" in line
    before = weights(finished / "epoch_2.pth")
    after = weights(work_dir / "epoch_4.pth")
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_learning_rate_of_another_batch_is_that_of_the_position(config, work_dir):
    """As if the training had had this batch from the start."""

    def rates(runner) -> list[float]:
        return [group["lr"] for group in runner.optim_wrapper.param_groups]

    options = {"max_epochs": 3, "train_dataloader.batch_size": 8}
    runner = train(config, work_dir, **options)
    fresh = train(config, work_dir.parent / "fresh", **options)
    assert rates(runner) == pytest.approx(rates(fresh), rel=1e-9)


def test_fewer_images(config, work_dir, digits, warnings, tmp_path):
    data = tmp_path / "digits"
    shutil.copytree(digits, data)
    path = data / "annotations/train.json"
    document = json.loads(path.read_text())
    document["images"] = document["images"][:8]
    kept = {image["id"] for image in document["images"]}
    document["annotations"] = [
        a for a in document["annotations"] if a["image_id"] in kept
    ]
    path.write_text(json.dumps(document))
    runner = train(config, work_dir, max_epochs=3, data_root=str(data))
    assert runner.iter == 6
    assert any("an epoch has 2 iterations, 4" in line for line in warnings)


def test_checkpoint_without_the_length_of_its_epoch(config, work_dir, warnings):
    """As versions before this one wrote them."""
    path = work_dir / "epoch_2.pth"
    checkpoint = torch.load(path, weights_only=False)
    for name in ("epoch_length", "epoch_done"):
        del checkpoint["message_hub"]["runtime_info"][name]
    torch.save(checkpoint, path)
    (work_dir / "last_checkpoint").write_text(str(path))
    options = {"max_epochs": 3, "train_dataloader.batch_size": 8}
    assert train(config, work_dir, **options).iter == 6


def test_more_epochs(config, work_dir, warnings):
    train(config, work_dir, max_epochs=3)
    (line,) = [w for w in warnings if "schedule" in w]
    assert "ends with epoch 2: from there the rate stays constant, it is " in line


def test_finished_already(config, work_dir, warnings):
    train(config, work_dir)
    assert any("training has finished: 2 of 2 epochs" in line for line in warnings)


def test_other_classes(config, work_dir, digits, tmp_path):
    data = tmp_path / "digits"
    shutil.copytree(digits, data)
    for path in (data / "annotations").glob("*.json"):
        document = json.loads(path.read_text())
        document["categories"].append(dict(id=11, name="eleven"))
        path.write_text(json.dumps(document))
    classes = (*"0123456789", "eleven")
    words = r"epoch_2.pth: .* of another shape \(bbox_head.*cls_preds.*load_from"
    with pytest.raises(InputError, match=words) as error:
        train(config, work_dir, data_root=str(data), classes=classes)
    assert "\n" not in str(error.value)
    assert "optim_wrapper" not in str(error.value)  # the remedy of another error


def test_other_parameter_groups(config, work_dir):
    """The checkpoint has fewer parameter groups than the optimizer of the config."""
    options = {"optim_wrapper.constructor": "DefaultOptimWrapperConstructor"}
    with pytest.raises(InputError, match="parameter groups.*: resume with the optim_w"):
        train(config, work_dir, max_epochs=3, **options)


def test_other_optimizer(config, work_dir):
    sgd = dict(_delete_=True, type="SGD", lr=0.01, momentum=0.9, weight_decay=0.0)
    options = {"optim_wrapper.optimizer": sgd}
    words = "epoch_2.pth: the state of its optimizer has no dampening, .*which SGD need"
    with pytest.raises(InputError, match=words):
        train(config, work_dir, max_epochs=3, **options)


def test_checkpoints_of_another_run_stay(tmp_path):
    """A resumed run does not delete the best checkpoint of the original run."""
    hook = SafeCheckpointHook(interval=1)
    hook.out_dir, hook.file_backend = str(tmp_path / "new"), LocalBackend()
    for name in ("new", "old"):
        path = tmp_path / name / "best_epoch_1.pth"
        path.parent.mkdir()
        path.touch()
        hook._remove(str(path))
    assert [p.parent.name for p in tmp_path.rglob("*.pth")] == ["old"]


def test_moved_work_directory(config, finished, tmp_path):
    """``last_checkpoint`` names a file in the old place."""
    moved = tmp_path / "moved"
    shutil.copytree(finished, moved)
    (moved / "last_checkpoint").write_text("/nowhere/work/epoch_2.pth")
    assert train(config, moved, max_epochs=3).epoch == 3
    (moved / "last_checkpoint").write_text("/nowhere/work/epoch_9.pth")
    with pytest.raises(InputError, match="names /nowhere/work/epoch_9.pth, which is"):
        train(config, moved, max_epochs=4)


def test_dumped_config_of_a_resumed_run_tests(config, work_dir, tool, tmp_path):
    train(config, work_dir, max_epochs=3)
    dumped = work_dir / "run.py"
    assert "resume = True" in dumped.read_text()
    torch.save(dict(state_dict=weights(work_dir / "epoch_3.pth")), tmp_path / "w.pth")
    done = tool("tools/test.py", dumped, tmp_path / "w.pth", "--work-dir", tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


def test_no_workers(config, tmp_path):
    """``persistent_workers`` and ``prefetch_factor`` of a base are left out."""
    loader = dict(num_workers=0, persistent_workers=True, prefetch_factor=4)
    options = {f"train_dataloader.{name}": value for name, value in loader.items()}
    assert train(config, tmp_path / "work", max_epochs=1, **options).iter == 4


def test_lost_hooks_are_a_warning(digits, tmp_path, warnings):
    hook = "dict(type='EarlyStoppingHook', monitor='coco/bbox_mAP')"
    path = write_config(tmp_path / "run.py", digits, f"custom_hooks = [{hook}]")
    cfg = load_config(path)
    cfg.work_dir = str(tmp_path)
    RUNNERS.build(cfg)
    (line,) = [w for w in warnings if "custom_hooks" in w]
    for words in ("EMA of the weights is off", "mosaic stays on until the last epoch"):
        assert words in line
    assert "[*_base_.custom_hooks, dict(type=...)]" in line


def test_kept_hooks_are_no_warning(config, tmp_path, warnings):
    cfg = load_config(config)
    cfg.work_dir = str(tmp_path)
    RUNNERS.build(cfg)
    assert not [w for w in warnings if "custom_hooks" in w]


def test_visualisation_backend_that_is_not_installed(config, tmp_path):
    cfg = load_config(config)
    cfg.work_dir = str(tmp_path)
    cfg.visualizer.vis_backends.append(dict(type="WandbVisBackend"))
    with pytest.raises(InputError, match="wandb is not installed: pip install wandb"):
        RUNNERS.build(cfg)


INNER = """dict(
    type="CheckedCocoDataset",
    data_root="${data_root}",
    ann_file="${ann_files.train}",
    data_prefix=dict(img="${img_dirs.train}"),
    metainfo=dict(classes="${classes}"),
    filter_cfg=dict(filter_empty_gt=False),
    pipeline="${train_pipeline}",
)"""
WRAPPERS = dict(
    repeat=f'type="RepeatDataset", times=2, dataset={INNER}',
    concat=f'type="ConcatDataset", datasets=[{INNER}, {INNER}]',
    balanced=f'type="ClassBalancedDataset", oversample_thr=0.01, dataset={INNER}',
)


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_mosaic_closes_inside_wrappers(digits, tmp_path, wrapper):
    lines = f"train_dataloader.update(dataset=dict(_delete_=True, {WRAPPERS[wrapper]}))"
    config = write_config(tmp_path / "run.py", digits, lines)
    batch = {"train_dataloader.batch_size": 8, "close_mosaic_epochs": 1}
    runner = train(config, tmp_path / "work", **batch)
    dataset = runner.train_dataloader.dataset
    inner = getattr(dataset, "datasets", None) or [dataset.dataset]
    for each in inner:
        kinds = [type(t).__name__ for t in each.pipeline.transforms]
        assert "LetterboxAffine" in kinds and "MosaicAffine" not in kinds
    assert runner.iter >= 4

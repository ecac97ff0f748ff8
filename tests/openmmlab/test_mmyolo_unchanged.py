"""MMYOLO behaves after the registration of this package as before, to the bit."""

import textwrap

import pytest

pytestmark = pytest.mark.train

SCRIPT = """
import sys
from pathlib import Path

# Undo what config_scope's .pth file did at the start of this process.
sys.meta_path[:] = [f for f in sys.meta_path if "mmyolo_mnv1" not in type(f).__module__]
for name in [name for name in sys.modules if name.split(".")[0] == "mmyolo_mnv1"]:
    del sys.modules[name]

import mmyolo
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from mmengine.runner import CheckpointLoader, Runner
from mmyolo.utils import register_all_modules

assert "mmyolo_mnv1" not in sys.modules
torch.set_num_threads(1)
folder = sys.argv[1]
name = "yolov8_n_syncbn_fast_8xb16-500e_coco.py"
path = Path(mmyolo.__file__).parent / ".mim/configs/yolov8" / name


def behaviour() -> dict:
    cfg = Config.fromfile(path)
    cfg.merge_from_dict(dict(work_dir=folder, data_root="elsewhere/"))
    cfg.model.test_cfg.update(score_thr=0.0, nms_pre=300)
    cfg.randomness = dict(seed=0)
    DefaultScope._instance_dict.clear()
    runner = Runner.from_cfg(cfg)
    model = runner.model
    model.init_weights()
    optimizer = runner.build_optim_wrapper(cfg.optim_wrapper)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(256, (2, 3, 64, 64), generator=generator, dtype=torch.uint8)
    boxes = torch.tensor([[0, 1, 4, 4, 40, 50], [1, 2, 8, 30, 60, 60.0]])
    batch = dict(inputs=inputs, data_samples=dict(bboxes_labels=boxes, img_metas=[{}]))
    losses = model.train_step(batch, optimizer)
    model.eval()
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    data = dict(img=image, img_id=0, img_path=None)
    data.update(img_shape=image.shape[:2], ori_shape=image.shape[:2])
    steps = [t for t in cfg.test_pipeline[1:] if t.type != "LoadAnnotations"]
    with torch.no_grad():
        (sample,) = model.test_step(pseudo_collate([Compose(steps)(data)]))
    found = sample.pred_instances
    assert len(found)
    return dict(
        config=(type(cfg), cfg.pretty_text),
        hooks=[(type(hook), hook.priority) for hook in runner.hooks],
        info=runner.get_hooks_info(),
        runner={name: getattr(Runner, name) for name in dir(Runner)
                if callable(getattr(Runner, name)) and not name.startswith("__")},
        loaders=dict(CheckpointLoader._schemes),
        losses=losses,
        weights=model.state_dict(),
        found={name: found[name] for name in ("bboxes", "scores", "labels")},
    )


def registered(registry) -> dict:
    entries = dict(registry.module_dict)
    for scope, child in registry.children.items():
        entries |= {f"{scope}.{k}": v for k, v in registered(child).items()}
    return entries


def same(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    return one == other


from mmengine.registry import root

register_all_modules()
registries = [v for v in vars(root).values() if isinstance(v, root.Registry)]
entries = [registered(registry) for registry in registries]
before = behaviour()

import mmyolo_mnv1

mmyolo_mnv1.register_all()
for registry, old in zip(registries, entries):
    new = registered(registry)
    assert {name: new[name] for name in old} == old, registry
assert any(registered(r).keys() > old.keys() for r, old in zip(registries, entries))
after = behaviour()
added = after["loaders"].keys() - before["loaders"].keys()
assert added == {"timm://", "ultralytics://"}, added
for name in added:
    del after["loaders"][name]
for name, value in before.items():
    assert same(value, after[name]), name
assert before["config"][0] is Config
print(len(before["weights"]), "tensors,", len(before["found"]["scores"]), "boxes")
"""


def test_mmyolo_is_unchanged(python, tmp_path, root):
    """YOLOv8-n: config, hooks, loaders, a training step and an inference."""
    done = python("-W", "ignore", "-c", textwrap.dedent(SCRIPT), tmp_path, cwd=root)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "tensors" in done.stdout

"""Shared fixtures: the demo's config on the small digits, and an untrained detector."""

import pytest
import torch

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.models.build import build_model
from mmyolo_mnv1.weights import save_checkpoint


@pytest.fixture(scope="session")
def config(root, digits):
    """Function that loads the demo's config on the small digits, with options."""

    def read(**options):
        workers = dict(num_workers=0, persistent_workers=False)
        options = dict(data_root=str(digits), test_dataloader=workers) | options
        return load_config(root / "configs/yolo11_mnv1_n_digits.py", options)

    return read


@pytest.fixture(scope="session")
def checkpoint(config, tmp_path_factory):
    """Untrained weights that give every class a high score."""
    torch.manual_seed(0)
    model = build_model(config())
    model.init_weights()
    for name, parameter in model.named_parameters():
        if "cls_preds" in name and name.endswith("bias"):
            torch.nn.init.zeros_(parameter)
    path = tmp_path_factory.mktemp("checkpoint") / "untrained.pth"
    save_checkpoint(model.state_dict(), {}, path)
    return path

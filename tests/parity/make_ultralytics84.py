"""Save YOLO11n of ultralytics 8.4 and its outputs: make_ultralytics84.py FOLDER.

tests/parity/test_ultralytics84.py runs it in a temporary environment with ultralytics
8.4. The weights repeat after a prime number of values, so that the checkpoint
compresses to some kilobytes and every channel differs.
"""

import lzma
import sys
from pathlib import Path

import numpy as np
import torch
from ultralytics.nn.tasks import DetectionModel

PERIOD = 251


@torch.no_grad()
def fill(model: torch.nn.Module) -> None:
    """Set all weights and statistics, identically on every machine."""
    random = np.random.RandomState(0)
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point() or "dfl" in name:
            continue
        values = np.resize(random.standard_normal(PERIOD), tensor.numel())
        if tensor.dim() == 4:
            values *= (2 / tensor[0].numel()) ** 0.5
        elif name.endswith("running_var") or name.endswith("bn.weight"):
            values = 1 + 0.1 * np.tanh(values)
        else:
            values *= 0.1
        tensor.copy_(torch.from_numpy(values).view(tensor.shape).half())


def main(folder: Path) -> None:
    model = DetectionModel("yolo11n.yaml", nc=2, verbose=False)
    model.names = {0: "cat", 1: "dog"}
    fill(model)
    model.half()
    import ultralytics

    path = folder / "yolo11n_84.pt"
    torch.save(dict(model=model, ema=None, version=ultralytics.__version__), path)
    path.with_suffix(".pt.xz").write_bytes(lzma.compress(path.read_bytes()))
    path.unlink()
    image = np.random.RandomState(1).randint(0, 256, (1, 3, 64, 96), np.uint8)
    model.float().eval()
    with torch.no_grad():
        outputs = model(torch.from_numpy(image).float() / 255)[1]
    outputs = torch.cat([outputs["boxes"], outputs["scores"]], 1)
    np.savez_compressed(folder / "yolo11n_84.npz", image=image, outputs=outputs)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

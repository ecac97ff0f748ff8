"""Writing a network in the forms that other runtimes read."""

import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from ..runtime.metadata import FORMS, INPUT

OPSET = 17
OUTPUTS = FORMS["raw"]
#: What may change in a dynamic graph.
AXES = {
    INPUT: {0: "batch", 2: "height", 3: "width"},
    **{name: {0: "batch", 1: "priors"} for name in OUTPUTS},
}


class HalfNetwork(nn.Module):
    """A network that computes in half precision between float32 input and outputs.

    Args:
        network (nn.Module): It is changed.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.half()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`.DetectorNetwork.forward`."""
        boxes, scores = self.network(images.half())
        return boxes, scores.float()


def export_onnx(
    network: nn.Module, images: Tensor, path: Path, dynamic: bool = False
) -> None:
    """Write a network as ONNX, opset 17.

    PyTorch's TorchScript exporter is used: its graphs need no further package.

    Args:
        network (nn.Module): A fused :class:`.DetectorNetwork`, or one that wraps it.
        images (Tensor): An input; its shape and type become the graph's.
        path (Path): File to write.
        dynamic (bool): Whether the graph takes other shapes too. Defaults to False.
    """
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    with warnings.catch_warnings():
        # Sizes become constants, as they should; the exporter is the older one.
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        torch.onnx.export(
            network,
            (images,),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes=AXES if dynamic else None,
        )
        logger.setLevel(level)

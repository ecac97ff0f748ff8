"""Export of a network to ONNX."""

import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from ...compat import TORCHSCRIPT_EXPORTER
from ...errors import InputError
from ..runtime.metadata import FORMS, INPUT
from .quiet import quiet

OPSET = 17
OUTPUTS = FORMS["raw"]
#: Axes of variable size in a dynamic graph.
AXES = {
    INPUT: {0: "batch", 2: "height", 3: "width"},
    **{name: {0: "batch", 1: "priors"} for name in OUTPUTS},
}


class HalfNetwork(nn.Module):
    """A network that computes in half precision, with float32 input and outputs.

    Args:
        network (nn.Module): Network to convert, in place.

    Raises:
        InputError: If this PyTorch, such as 2.1, has no half precision on the CPU.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        try:
            nn.functional.conv2d(*torch.zeros(2, 1, 1, 1, 1).half())
        except RuntimeError:
            raise InputError(
                f"--half: PyTorch {torch.__version__} does not convolve in half "
                "precision on the CPU: export without it, or with a newer PyTorch"
            ) from None
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
        network (nn.Module): Fused network with two outputs, boxes and scores.
        images (Tensor): Example input; the graph takes its shape and type.
        path (Path): File to write.
        dynamic (bool): Whether batch, height and width may change. Defaults to False.
    """
    with warnings.catch_warnings(), quiet(logging.getLogger("torch.onnx")):
        # Expected: sizes become constants, and this exporter is deprecated.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (images,),
            str(path),
            **TORCHSCRIPT_EXPORTER,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes=AXES if dynamic else None,
        )

"""Writing a network in the forms that other runtimes read."""

import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor

from .network import DetectorNetwork

OPSET = 17
INPUT, OUTPUTS = "images", ("boxes", "scores")


def export_onnx(network: DetectorNetwork, images: Tensor, path: Path) -> None:
    """Write a network as ONNX, opset 17, for inputs of one shape.

    PyTorch's TorchScript exporter is used: its graphs need no further package.

    Args:
        network (DetectorNetwork): Fused.
        images (Tensor): An input; its shape and type become the graph's.
        path (Path): File to write.
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
        )
        logger.setLevel(level)

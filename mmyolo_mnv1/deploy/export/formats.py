"""One command's worth of exporting: formats, precisions, and what they lose."""

import copy
import importlib.util
import json
import subprocess
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from mmengine.config import Config
from torch import Tensor, nn

from ...errors import InputError
from ...files import atomic_files
from ..runtime.metadata import EXTRA_FILE, RT_INFO, Metadata
from ..runtime.sources import find_images
from .loading import describe, load_network
from .onnx_export import HalfNetwork, export_onnx
from .quantization import Calibration, find_tail, quantize_onnx, quantize_openvino

FORMATS = ("onnx", "openvino", "ncnn", "torchscript")
#: Formats in which NMS can be a part of the graph, and which can be quantised.
WITH_NMS = WITH_INT8 = ("onnx", "openvino")
STATIC = ("ncnn",)
#: Modules by which a format is written, and quantised.
MODULES = dict(
    onnx=("onnx", "onnxslim"),
    openvino=("onnx", "onnxslim", "openvino"),
    ncnn=("pnnx",),
    torchscript=(),
)
QUANTISERS = dict(onnx=("onnxruntime",), openvino=("nncf",))


class Plan(NamedTuple):
    """What is exported, and how.

    Args:
        formats (Sequence[str]): Of :data:`FORMATS`.
        form (str): ``raw``, or ``nms`` for NMS in the graph. Defaults to "raw".
        shape (Sequence[int], optional): Height and width. Defaults to None, the
            config's.
        dynamic (bool): Whether sizes may change. Defaults to False.
        half (bool): Half precision. Defaults to False.
        calibration (Path, optional): Folder of images, for INT8. Defaults to None, no
            INT8.
        samples (int): Images of it that are used. Defaults to 300.
    """

    formats: Sequence[str]
    form: str = "raw"
    shape: Sequence[int] | None = None
    dynamic: bool = False
    half: bool = False
    calibration: Path | None = None
    samples: int = 300

    @property
    def precision(self) -> str:
        """``fp32``, ``fp16`` or ``int8``."""
        return "int8" if self.calibration else "fp16" if self.half else "fp32"

    def check(self) -> None:
        """Refuse what does not go together.

        Raises:
            InputError: What, and what to do.
        """
        for name in self.formats:
            if name not in FORMATS:
                raise InputError(f"--format {name}: choose from {', '.join(FORMATS)}")
        for wanted, option, able in (
            (self.form == "nms", "--nms onnx", WITH_NMS),
            (self.calibration, "--int8", WITH_INT8),
            (self.dynamic, "--dynamic", set(FORMATS) - set(STATIC)),
        ):
            unable = [name for name in self.formats if name not in able]
            if wanted and unable:
                raise InputError(
                    f"{option} does not go with {', '.join(unable)}: export that "
                    "without it"
                )
        if self.calibration and self.half:
            raise InputError("--int8 and --half: choose one")
        for name in self.formats:
            modules = MODULES[name] + QUANTISERS.get(name, ()) * bool(self.calibration)
            missing = [m for m in modules if not importlib.util.find_spec(m)]
            if missing:
                raise InputError(
                    f"--format {name}: not installed: pip install {' '.join(missing)}"
                )
        if self.samples < 1:
            raise InputError(f"--calib-images {self.samples}: give 1 or more")


class Job(NamedTuple):
    """A network on its way into a format.

    Args:
        network (nn.Module): Fused, float32.
        images (Tensor): An input.
        metadata (Metadata): What the file is to say.
        plan (Plan): How.
        calibration (Calibration, optional): Images for INT8.
    """

    network: nn.Module
    images: Tensor
    metadata: Metadata
    plan: Plan
    calibration: Calibration | None


def export_detector(
    cfg: Config, checkpoint: Path, out: Path, plan: Plan
) -> dict[str, Path]:
    """Export a trained detector.

    Args:
        cfg (Config): Its config, resolved.
        checkpoint (Path): Its weights.
        out (Path): Folder to write to. Files are named after the config, with
            ``_fp16`` or ``_int8``, and ``_nms`` where NMS is in the graph.
        plan (Plan): What is exported, and how.

    Returns:
        dict[str, Path]: By format the file that is to be loaded.

    Raises:
        InputError: If the plan is none, the checkpoint is of another config, or there
            are no images for calibration.
    """
    plan.check()
    pictures = find_images(plan.calibration) if plan.calibration else []
    network = load_network(cfg, checkpoint)
    metadata = describe(cfg, network, plan.shape, plan.dynamic, plan.form)
    calibration = None
    if pictures:
        calibration = Calibration(pictures, metadata, plan.samples)
    images = torch.zeros(1, 3, *metadata.input_shape)
    job = Job(network, images, metadata, plan, calibration)
    name = Path(cfg.filename).stem
    name += f"_{plan.precision}" * (plan.precision != "fp32")
    name += "_nms" * (plan.form == "nms")
    with warnings.catch_warnings(), atomic_files(out) as folder:
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", "torch.meshgrid")
        files = {each: _WRITERS[each](job, folder / name).name for each in plan.formats}
    return {each: out / file for each, file in files.items()}


def disk_size(path: Path) -> int:
    """Bytes of a model's files: weights may lie beside the graph."""
    weights = {".xml": [".bin"], ".param": [".bin", ".json"]}.get(path.suffix, [])
    return sum(p.stat().st_size for p in (path, *map(path.with_suffix, weights)))


def _write_onnx(job: Job, path: Path) -> Path:
    from .onnx_graph import finish_onnx, simplify

    path = path.with_name(f"{path.name}.onnx")
    export_onnx(_traceable(job), job.images, path, job.plan.dynamic)
    simplify(path)
    if job.calibration:
        quantize_onnx(path, job.calibration)
    finish_onnx(path, job.metadata)
    return path


def _write_openvino(job: Job, path: Path) -> Path:
    """From ONNX; half precision is OpenVINO's own compression of the weights."""
    import onnx
    import openvino

    from .onnx_graph import finish_onnx, simplify

    with TemporaryDirectory() as folder:
        raw = Path(folder, "network.onnx")
        export_onnx(job.network, job.images, raw, job.plan.dynamic)
        simplify(raw)
        finish_onnx(raw, job.metadata)
        model = openvino.convert_model(raw)
        if job.calibration:
            tail = find_tail(onnx.load(raw).graph)
            model = quantize_openvino(model, tail, job.calibration)
    model.set_rt_info(json.dumps(job.metadata.dump()), [RT_INFO, "metadata"])
    path = path.with_name(f"{path.name}.xml")
    openvino.save_model(model, path, compress_to_fp16=job.plan.half)
    return path


def _write_torchscript(job: Job, path: Path) -> Path:
    path = path.with_name(f"{path.name}.torchscript")
    traced = torch.jit.trace(_traceable(job), job.images, check_trace=False)
    files = {EXTRA_FILE: json.dumps(job.metadata.dump())}
    torch.jit.save(traced, path, _extra_files=files)
    return path


def _write_ncnn(job: Job, path: Path) -> Path:
    """From TorchScript, by pnnx; half precision is that of the weights."""
    import pnnx

    path = path.with_name(f"{path.name}.ncnn.param").resolve()  # pnnx runs elsewhere
    with TemporaryDirectory() as folder:
        source = Path(folder, "network.pt")
        torch.jit.trace(job.network, job.images, check_trace=False).save(source)
        shape = ",".join(map(str, job.images.shape))
        subprocess.run(
            [
                *(pnnx.EXEC_PATH, source, f"inputshape=[{shape}]f32"),
                *(f"fp16={int(job.plan.half)}", f"ncnnparam={path}"),
                f"ncnnbin={path.with_suffix('.bin')}",
            ],
            cwd=folder,
            check=True,
            capture_output=True,
        )
    document = json.dumps(job.metadata.dump(), ensure_ascii=False, indent=1)
    path.with_suffix(".json").write_text(f"{document}\n", encoding="utf-8")
    return path


def _traceable(job: Job) -> nn.Module:
    """The network in the precision wanted."""
    if not job.plan.half:
        return job.network
    return HalfNetwork(copy.deepcopy(job.network))


_WRITERS: dict[str, Callable[[Job, Path], Path]] = dict(
    onnx=_write_onnx,
    openvino=_write_openvino,
    ncnn=_write_ncnn,
    torchscript=_write_torchscript,
)

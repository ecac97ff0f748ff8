"""Export of a detector: formats, precisions, files."""

import copy
import importlib.util
import json
import shutil
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
from ..runtime.images import find_images
from ..runtime.metadata import EXTRA_FILE, RT_INFO, Metadata
from .config_metadata import build_metadata
from .network import DetectorNetwork, load_network
from .onnx_export import HalfNetwork, export_onnx
from .quantization import (
    AccuracyLimit,
    Calibration,
    find_sensitive,
    find_tail,
    quantize_onnx,
    quantize_openvino,
)

FORMATS = ("onnx", "openvino", "ncnn", "torchscript")
#: Formats that support NMS in the graph, and INT8.
WITH_NMS = WITH_INT8 = ("onnx", "openvino")
#: Formats that support variable input sizes.
WITH_DYNAMIC = ("onnx", "openvino", "torchscript")
#: Modules that write a format.
MODULES = dict(
    onnx=("onnx", "onnxslim"),
    openvino=("onnx", "onnxslim", "openvino"),
    ncnn=("pnnx",),
    torchscript=(),
)
#: Modules that quantise a format.
QUANTISERS = dict(onnx=("onnxruntime",), openvino=("nncf",))


class ExportPlan(NamedTuple):
    """Formats and options of an export.

    Args:
        formats (Sequence[str]): Members of :data:`FORMATS`.
        form (str): ``raw``, or ``nms`` for NMS in the graph. Defaults to "raw".
        shape (Sequence[int], optional): Input height and width in pixels. Defaults to
            None, the config's.
        dynamic (bool): Whether batch, height and width may change. Defaults to False.
        half (bool): Half precision. Defaults to False.
        calibration (Path or Sequence[str], optional): Folder of images for INT8, or
            image files. Defaults to None, no INT8.
        samples (int): Maximum number of calibration images. Defaults to 300.
    """

    formats: Sequence[str]
    form: str = "raw"
    shape: Sequence[int] | None = None
    dynamic: bool = False
    half: bool = False
    calibration: Path | Sequence[str] | None = None
    samples: int = 300

    @property
    def precision(self) -> str:
        """``fp32``, ``fp16`` or ``int8``."""
        return "int8" if self.calibration else "fp16" if self.half else "fp32"

    def check(self) -> None:
        """Check that the options go together and the packages are installed.

        Raises:
            InputError: The first problem, and its remedy.
        """
        for name in self.formats:
            if name not in FORMATS:
                raise InputError(f"--format {name}: choose from {', '.join(FORMATS)}")
        for requested, option, supported in (
            (self.form == "nms", "--nms onnx", WITH_NMS),
            (self.calibration, "--int8", WITH_INT8),
            (self.dynamic, "--dynamic", WITH_DYNAMIC),
        ):
            others = [name for name in self.formats if name not in supported]
            if requested and others:
                raise InputError(
                    f"{option} does not go with {', '.join(others)}: export that "
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


class ExportJob(NamedTuple):
    """A network to write in the formats of a plan.

    Args:
        network (nn.Module): Fused, float32, on the CPU, with outputs boxes and scores.
        images (Tensor): Example input, (N, 3, H, W) float32.
        metadata (Metadata): Metadata for the files.
        plan (ExportPlan): Formats and options.
        calibration (Calibration, optional): Images for INT8. Defaults to None.
        limit (AccuracyLimit, optional): Accuracy that INT8 may lose. Defaults to None,
            any.
    """

    network: nn.Module
    images: Tensor
    metadata: Metadata
    plan: ExportPlan
    calibration: Calibration | None = None
    limit: AccuracyLimit | None = None


def export_detector(
    cfg: Config,
    checkpoint: str | Path,
    out: Path,
    plan: ExportPlan,
    limit: AccuracyLimit | None = None,
) -> dict[str, Path]:
    """Export a trained detector.

    Args:
        cfg (Config): Config of the detector.
        checkpoint (str or Path): Its weights.
        out (Path): Output folder. Files are named after the config, with the suffixes
            ``_fp16`` or ``_int8``, ``_nms`` for NMS in the graph, and ``_free`` for
            detection without NMS (``test_cfg.nms=None``).
        plan (ExportPlan): Formats and options.
        limit (AccuracyLimit, optional): Accuracy that INT8 may lose: layers that lose
            more stay in float. Defaults to None, all layers in INT8.

    Returns:
        dict[str, Path]: File to load, by format.

    Raises:
        InputError: If the plan is invalid, the checkpoint belongs to another config, or
            the calibration folder has no images.
    """
    plan.check()
    return write_detector(cfg, load_network(cfg, checkpoint), out, plan, limit)


def write_detector(
    cfg: Config,
    network: DetectorNetwork,
    out: Path,
    plan: ExportPlan,
    limit: AccuracyLimit | None = None,
) -> dict[str, Path]:
    """Export a detector that is loaded; see :func:`export_detector`.

    Args:
        cfg (Config): Config of the detector.
        network (DetectorNetwork): Result of :func:`.load_network`.
        out (Path): Output folder.
        plan (ExportPlan): Formats and options, checked.
        limit (AccuracyLimit, optional): See :func:`export_detector`.
    """
    pictures = plan.calibration or []
    if isinstance(pictures, Path):
        pictures = find_images(pictures)
    metadata = build_metadata(cfg, network, plan.shape, plan.dynamic, plan.form)
    calibration = Calibration(pictures, metadata, plan.samples) if pictures else None
    images = torch.zeros(1, 3, *metadata.input_shape)
    name = Path(cfg.filename).stem
    name += f"_{plan.precision}" * (plan.precision != "fp32")
    name += "_nms" * (plan.form == "nms")
    name += "_free" * metadata.nms.is_off
    job = ExportJob(network, images, metadata, plan, calibration, limit)
    return export_network(job, out, name)


def export_network(job: ExportJob, out: Path, name: str) -> dict[str, Path]:
    """Write a network in every format of its plan.

    Args:
        job (ExportJob): The network.
        out (Path): Output folder.
        name (str): Stem of the files.

    Returns:
        dict[str, Path]: File to load, by format.

    Raises:
        InputError: If a calibration image cannot be read or a file not be written.
    """
    with (
        warnings.catch_warnings(),
        atomic_files(out) as folder,
        TemporaryDirectory() as scratch,
    ):
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", "torch.meshgrid")
        files = {
            form: _WRITERS[form](job, folder / name, Path(scratch)).name
            for form in job.plan.formats
        }
    return {form: out / file for form, file in files.items()}


def disk_size(path: Path) -> int:
    """Size of a model in bytes, including weights stored beside the graph."""
    weights = {".xml": [".bin"], ".param": [".bin", ".json"]}.get(path.suffix, [])
    return sum(p.stat().st_size for p in (path, *map(path.with_suffix, weights)))


def _write_onnx(job: ExportJob, path: Path, scratch: Path) -> Path:
    from .onnx_graph import finish_onnx

    path = path.with_name(f"{path.name}.onnx")
    shutil.copyfile(_export_graph(job, scratch, job.plan.half), path)
    if job.calibration:
        quantize_onnx(path, _in_float(job, scratch), job.calibration)
    finish_onnx(path, job.metadata)
    return path


def _write_openvino(job: ExportJob, path: Path, scratch: Path) -> Path:
    """Convert from ONNX; for half precision OpenVINO compresses the weights."""
    import openvino

    from .onnx_graph import finish_onnx

    graph = scratch / "openvino.onnx"
    shutil.copyfile(_export_graph(job, scratch, half=False), graph)
    finish_onnx(graph, job.metadata)
    model = openvino.convert_model(graph)
    if job.calibration:
        model = quantize_openvino(model, _in_float(job, scratch), job.calibration)
    model.set_rt_info(json.dumps(job.metadata.dump()), [RT_INFO, "metadata"])
    path = path.with_name(f"{path.name}.xml")
    openvino.save_model(model, path, compress_to_fp16=job.plan.half)
    return path


def _in_float(job: ExportJob, scratch: Path) -> list[str]:
    """Names of the operations that INT8 leaves in float; formats share them."""
    import onnx

    path = scratch / "in_float.json"
    if not path.exists():
        graph = _export_graph(job, scratch, half=False)
        names = find_tail(onnx.load(graph).graph)
        if job.limit:
            import openvino

            model = openvino.convert_model(graph)
            names += find_sensitive(model, names, job.calibration, job.limit)
        path.write_text(json.dumps(names))
    return json.loads(path.read_text())


def _export_graph(job: ExportJob, scratch: Path, half: bool) -> Path:
    """Simplified ONNX graph without NMS; formats with the same graph share it."""
    from .onnx_graph import simplify

    path = scratch / f"half_{half}.onnx"
    if not path.exists():
        export_onnx(_traceable(job, half), job.images, path, job.plan.dynamic)
        simplify(path)
    return path


def _write_torchscript(job: ExportJob, path: Path, scratch: Path) -> Path:
    path = path.with_name(f"{path.name}.torchscript")
    traced = torch.jit.trace(
        _traceable(job, job.plan.half), job.images, check_trace=False
    )
    files = {EXTRA_FILE: json.dumps(job.metadata.dump())}
    torch.jit.save(traced, path, _extra_files=files)
    return path


def _write_ncnn(job: ExportJob, path: Path, scratch: Path) -> Path:
    """Convert from TorchScript by pnnx; half precision applies to the weights."""
    import pnnx

    path = path.with_name(f"{path.name}.ncnn.param").resolve()  # pnnx changes folder
    source = scratch / "network.pt"
    torch.jit.trace(job.network, job.images, check_trace=False).save(source)
    shape = ",".join(map(str, job.images.shape))
    subprocess.run(
        [
            *(pnnx.EXEC_PATH, source, f"inputshape=[{shape}]f32"),
            *(f"fp16={int(job.plan.half)}", f"ncnnparam={path}"),
            f"ncnnbin={path.with_suffix('.bin')}",
        ],
        cwd=scratch,
        check=True,
        capture_output=True,
    )
    document = json.dumps(job.metadata.dump(), ensure_ascii=False, indent=1)
    path.with_suffix(".json").write_text(f"{document}\n", encoding="utf-8")
    return path


def _traceable(job: ExportJob, half: bool) -> nn.Module:
    return HalfNetwork(copy.deepcopy(job.network)) if half else job.network


_WRITERS: dict[str, Callable[[ExportJob, Path, Path], Path]] = dict(
    onnx=_write_onnx,
    openvino=_write_openvino,
    ncnn=_write_ncnn,
    torchscript=_write_torchscript,
)

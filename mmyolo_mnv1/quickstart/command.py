"""From labelled photos to a detector, and the summary."""

import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from ..errors import InputError
from ..files import write_json
from .clock import Clock
from .project import Project, prepare


def quickstart(project: Project) -> dict[str, object]:
    """Go from labelled photos to a detector; continue an interrupted call.

    Args:
        project (Project): Names and settings.

    Returns:
        dict[str, object]: Contents of ``summary.json`` in the work directory: ``mAP``
        and ``mAP_50`` (0 to 1) on the ``split`` of so many ``photos``, ``params``,
        ``conv_macs``, ``ms`` per photo, paths, ``seconds`` of each step.

    Raises:
        InputError: If the data or a setting cannot be used, or the call is interrupted.
    """
    clock = Clock()
    try:
        clock.begin("data")
        print(prepare(project))
        with redirect_stdout(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of packages that OpenMMLab can do without
            from . import steps  # OpenMMLab, which bad input does not need
        summary = steps.run(project, clock)
    except KeyboardInterrupt:
        raise InputError("interrupted: the same command continues") from None
    summary["seconds"] = clock.seconds()
    write_json(summary, project.work_dir / "summary.json", indent=1)
    return summary


def describe(project: Project, summary: dict) -> str:
    """Summary in lines: figures, where everything is, the equivalent commands.

    Args:
        project (Project): The project.
        summary (dict): See :func:`quickstart`.
    """
    work_dir, config = project.work_dir, project.config
    size = Path(summary["model"]).stat().st_size / 1e6
    mean, half = summary["mAP"], summary["mAP_50"]
    seconds = ", ".join(f"{k} {v:.0f} s" for k, v in summary["seconds"].items())
    return f"""
mAP@[.5:.95] {mean:.3f}, mAP@50 {half:.3f} on {summary["photos"]} photos \
({summary["split"]})
{summary["params"] / 1e6:.2f} M parameters, {summary["conv_macs"] / 1e9:.3f} G conv \
MACs, {size:.1f} MB, {summary["ms"]:.1f} ms per photo (ONNX Runtime)
{seconds}

config       {config}
data         {work_dir}/train_stage2_1.png
training     {work_dir}/curves.png, {work_dir}/detections.png
checkpoint   {summary["checkpoint"]}
detector     {summary["model"]}
detections   {summary["predicted"]}/pictures

The same by hand:
mim train mmyolo_mnv1 {config}
mim test mmyolo_mnv1 {config} -C {summary["checkpoint"]}
python tools/predict.py {summary["model"]} PHOTOS --out {summary["predicted"]}"""

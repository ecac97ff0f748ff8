"""Metadata of an exported model: how to prepare its input and read its outputs.

ONNX stores them in ``metadata_props``, TorchScript and OpenVINO within their files,
ncnn in a JSON file beside the model: always strings by key, most of them JSON.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...errors import InputError

FORMAT = "mmyolo-mnv1/1"
INPUT = "images"
#: Outputs of each form: decoded boxes and scores, or the result of NMS in the graph.
FORMS = dict(raw=("boxes", "scores"), nms=("detections",))
#: Place of the document in TorchScript and OpenVINO files.
EXTRA_FILE = "metadata.json"
RT_INFO = "mmyolo_mnv1"


class Preprocessing(NamedTuple):
    """Steps from a photo to the network's input.

    Args:
        color (str): ``rgb`` or ``bgr``, order of the channels.
        mean (tuple[float, ...]): Subtracted from each channel.
        std (tuple[float, ...]): Divisor of each channel, after the subtraction.
        pad_value (int): Grey level of the letterbox border. Defaults to 114.
        scale_up (bool): Whether the second step of the letterbox may enlarge.
            Defaults to False.
    """

    color: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    pad_value: int = 114
    scale_up: bool = False


class NMS(NamedTuple):
    """Steps from decoded boxes to detections, as in MMDetection's ``test_cfg``.

    Args:
        score_threshold (float): Scores must exceed it, from 0 to 1.
        iou_threshold (float): A box is dropped if its IoU with a better box of its
            class exceeds it, from 0 to 1.
        max_detections (int): Detections to keep per image.
        multi_label (bool): Whether a box may have several classes. Defaults to True.
        max_candidates (int): Candidates with the best scores that enter NMS. Defaults
            to 30000.
        class_agnostic (bool): Whether a better box of any class drops a box. Defaults
            to False.
    """

    score_threshold: float
    iou_threshold: float
    max_detections: int
    multi_label: bool = True
    max_candidates: int = 30000
    class_agnostic: bool = False

    @property
    def is_off(self) -> bool:
        """Whether NMS is disabled: its IoU threshold of 1 removes no box."""
        return self.iou_threshold == 1


class Metadata(NamedTuple):
    """Metadata of an exported model.

    Args:
        names (tuple[str, ...]): Class names by label.
        strides (tuple[int, ...]): Strides of the levels in pixels.
        input_shape (tuple[int, int]): Nominal height and width in pixels.
        dynamic (bool): Whether batch, height and width may change.
        preprocessing (Preprocessing): Steps before the network.
        nms (NMS): Steps after it, part of the graph if ``form`` is ``nms``.
        form (str): ``raw`` or ``nms``. Defaults to "raw".
    """

    names: tuple[str, ...]
    strides: tuple[int, ...]
    input_shape: tuple[int, int]
    dynamic: bool
    preprocessing: Preprocessing
    nms: NMS
    form: str = "raw"

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the model's outputs."""
        return FORMS[self.form]

    def dump(self) -> dict[str, str]:
        """Convert to strings by key."""
        return dict(
            format=FORMAT,
            names=_to_json(self.names),
            strides=_to_json(self.strides),
            input_shape=_to_json(self.input_shape),
            dynamic=_to_json(self.dynamic),
            preprocessing=_to_json(self.preprocessing._asdict()),
            nms=_to_json(self.nms._asdict()),
            form=self.form,
        )


def parse_metadata(path: object, document: Mapping[str, str]) -> Metadata:
    """Parse the result of :meth:`Metadata.dump`; unknown keys are ignored.

    Args:
        path (object): File of the document, for error messages.
        document (Mapping[str, str]): Strings by key.

    Raises:
        InputError: If it was written by another program or version, or is damaged.
    """
    version = document.get("format")
    if version != FORMAT:
        problem = f"format {version!r}" if version else "no metadata of this package"
        raise InputError(
            f"{path} has {problem}, expected {FORMAT!r}: export it by "
            "tools/deploy/export.py"
        )
    try:
        metadata = Metadata(
            names=tuple(map(str, json.loads(document["names"]))),
            strides=tuple(map(int, json.loads(document["strides"]))),
            input_shape=tuple(map(int, json.loads(document["input_shape"]))),
            dynamic=json.loads(document["dynamic"]),
            preprocessing=_from_json(Preprocessing, document["preprocessing"]),
            nms=_from_json(NMS, document["nms"]),
            form=document["form"],
        )
        FORMS[metadata.form]
    except (KeyError, ValueError, TypeError) as e:
        raise InputError(
            f"{path}: its metadata are damaged ({type(e).__name__}: {e}): "
            "export it anew"
        ) from None
    return metadata


def _from_json(kind: type, text: str) -> Any:
    values = json.loads(text)
    fields = {name: values[name] for name in kind._fields if name in values}
    return kind(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    )


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

"""What an exported model says of itself; the file's one definition.

ONNX keeps it in ``metadata_props``, TorchScript and OpenVINO within their files, ncnn
in a JSON file beside the model: everywhere strings by name, most of them JSON.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...errors import InputError

FORMAT = "mmyolo-mnv1/1"
INPUT = "images"
#: Outputs by form: decoded boxes and scores; or what NMS in the graph leaves.
FORMS = dict(raw=("boxes", "scores"), nms=("detections",))
#: Where TorchScript and OpenVINO keep the document.
EXTRA_FILE = "metadata.json"
RT_INFO = "mmyolo_mnv1"


class Preprocessing(NamedTuple):
    """From a photo to the network's input.

    Args:
        color (str): ``rgb`` or ``bgr``, the order of the channels.
        mean (tuple[float, ...]): Subtracted from each channel.
        std (tuple[float, ...]): By which each channel is divided then.
        pad_value (int): Grey level of the border. Defaults to 114.
        scale_up (bool): Whether the second step of the letterbox may enlarge.
            Defaults to False.
    """

    color: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    pad_value: int = 114
    scale_up: bool = False


class NMS(NamedTuple):
    """From decoded boxes to detections: MMDetection's ``test_cfg``.

    Args:
        score_threshold (float): Scores must be above it.
        iou_threshold (float): A box that overlaps a better one of its class by more is
            dropped.
        max_detections (int): Kept in an image.
        multi_label (bool): Whether a box may have several classes. Defaults to True.
        max_candidates (int): Taken into NMS, best scores first. Defaults to 30000.
    """

    score_threshold: float
    iou_threshold: float
    max_detections: int
    multi_label: bool = True
    max_candidates: int = 30000


class Metadata(NamedTuple):
    """What an exported model says of itself.

    Args:
        names (tuple[str, ...]): Class names by label.
        strides (tuple[int, ...]): Of the levels.
        input_shape (tuple[int, int]): Nominal height and width.
        dynamic (bool): Whether batch, height and width may change.
        preprocessing (Preprocessing): Before the network.
        nms (NMS): After it, in the graph where ``form`` is ``nms``.
        form (str): ``raw`` or ``nms``.
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
        """As strings by name."""
        return dict(
            format=FORMAT,
            names=_json(self.names),
            strides=_json(self.strides),
            input_shape=_json(self.input_shape),
            dynamic=_json(self.dynamic),
            preprocessing=_json(self.preprocessing._asdict()),
            nms=_json(self.nms._asdict()),
            form=self.form,
        )


def parse_metadata(path: object, document: Mapping[str, str]) -> Metadata:
    """Read what :meth:`Metadata.dump` gave; names that are unknown are left alone.

    Args:
        path (object): File it is from, for the message.
        document (Mapping[str, str]): Strings by name.

    Raises:
        InputError: If it is of another program, of another version, or damaged.
    """
    if document.get("format") != FORMAT:
        told = document.get("format")
        found = f"has format {told!r}" if told else "has no metadata of this package"
        raise InputError(
            f"{path} {found}, expected {FORMAT!r}: export it by tools/deploy/export.py"
        )
    try:
        metadata = Metadata(
            names=tuple(map(str, json.loads(document["names"]))),
            strides=tuple(map(int, json.loads(document["strides"]))),
            input_shape=tuple(map(int, json.loads(document["input_shape"]))),
            dynamic=json.loads(document["dynamic"]),
            preprocessing=_read(Preprocessing, document["preprocessing"]),
            nms=_read(NMS, document["nms"]),
            form=document["form"],
        )
        FORMS[metadata.form]
    except (KeyError, ValueError, TypeError) as e:
        raise InputError(
            f"{path}: its metadata are damaged ({type(e).__name__}: {e}): "
            "export it anew"
        ) from None
    return metadata


def _read(kind: type, text: str) -> Any:
    values = json.loads(text)
    fields = {name: values[name] for name in kind._fields if name in values}
    return kind(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

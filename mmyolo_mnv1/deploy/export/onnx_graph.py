"""Transformation of exported ONNX graphs: simplification, NMS, metadata."""

from pathlib import Path

import onnx
import onnxslim
from onnx import ModelProto, compose, parser

from ..runtime.metadata import FORMS, NMS, Metadata

_PREFIX = "nms_"
#: {keep} defines ``scores``: all of them, or 0 except for the best class of each box.
_GRAPH = """
<ir_version: {ir_version}, opset_import: ["" : {opset}]>
nms (float[batch, priors, 4] boxes, float[batch, priors, classes] all_scores)
    => (float[batch, found, 6] detections)
{{
    {keep}
    by_class = Transpose <perm = [0, 2, 1]> (scores)
    limit = Constant <value = int64[1] {{{max_detections}}}> ()
    iou = Constant <value = float[1] {{{iou_threshold}}}> ()
    least = Constant <value = float[1] {{{score_threshold}}}> ()
    picked = NonMaxSuppression (boxes, by_class, limit, iou, least)
    values = GatherND (by_class, picked)
    shape = Shape (by_class)
    nothing = ConstantOfShape <value = float[1] {{0}}> (shape)
    kept = ScatterND (nothing, picked, values)
    flat = Flatten <axis = 1> (kept)
    size = Shape <start = 1> (flat)
    count = Min (limit, size)
    best, index = TopK (flat, count)
    width = Shape <start = 2> (by_class)
    label = Div (index, width)
    prior = Mod (index, width)
    last = Constant <value = int64[1] {{2}}> ()
    prior_rows = Unsqueeze (prior, last)
    best_rows = Unsqueeze (best, last)
    label_rows = Unsqueeze (label, last)
    label_floats = Cast <to = 1> (label_rows)
    best_boxes = GatherND <batch_dims = 1> (boxes, prior_rows)
    detections = Concat <axis = 2> (best_boxes, best_rows, label_floats)
}}
"""
_ALL = "scores = Identity (all_scores)"
_BEST = """
    top = ReduceMax <axes = [2], keepdims = 1> (all_scores)
    is_top = Equal (all_scores, top)
    factor = Cast <to = 1> (is_top)
    scores = Mul (all_scores, factor)
"""


def simplify(path: Path) -> None:
    """Fold constants and merge operations of a graph, in place."""
    onnx.save(onnxslim.slim(onnx.load(path)), path)


def finish_onnx(path: Path, metadata: Metadata) -> None:
    """Append NMS if the form is ``nms``, add the metadata, check; in place.

    Args:
        path (Path): A raw graph.
        metadata (Metadata): Metadata to add.
    """
    model = onnx.load(path)
    if metadata.form == "nms":
        model = append_nms(model, metadata.nms)
    onnx.helper.set_model_props(model, metadata.dump())
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def append_nms(model: ModelProto, nms: NMS) -> ModelProto:
    """Append class-wise NMS to a raw graph.

    The result has one output, ``detections`` (N, max_detections, 6): x1, y1, x2, y2 in
    pixels of the input, score, label; best score first, rows of score 0 are empty.
    There are fewer rows if priors times classes are fewer.

    Args:
        model (ModelProto): Model with outputs ``boxes`` and ``scores``.
        nms (NMS): Parameters; ``max_candidates`` is ignored.

    Returns:
        ModelProto: A new model.
    """
    graph = _GRAPH.format(
        ir_version=model.ir_version,
        opset=model.opset_import[0].version,
        keep=_ALL if nms.multi_label else _BEST,
        **nms._asdict(),
    )
    tail = compose.add_prefix(parser.parse_model(graph), _PREFIX)
    inputs = [value.name for value in tail.graph.input]
    model = compose.merge_models(
        model, tail, io_map=list(zip(FORMS["raw"], inputs, strict=True))
    )
    (detections,) = FORMS["nms"]
    for node in model.graph.node:
        node.output[:] = [
            detections if name == _PREFIX + detections else name for name in node.output
        ]
    model.graph.output[0].name = detections
    return onnx.shape_inference.infer_shapes(model)

"""The headline table with peers: same weights, ratios to ours; bad input."""

import importlib.util
import json

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from benchmarks.network.compare_peers import compare_peers
from benchmarks.network.ultralytics_job import NETWORK_PEERS, CountJob, NetworkPeer
from mmyolo_mnv1.analysis.compare import load_models
from mmyolo_mnv1.analysis.compare_figure import draw_comparison
from mmyolo_mnv1.analysis.subject import Subject
from mmyolo_mnv1.analysis.timing import LatencyPlan
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.errors import InputError

pytestmark = pytest.mark.slow

SMALL = dict(img_scale=(96, 96))


@pytest.fixture
def configs(root):
    names = ("yolo11_n_bccd", "yolo11_mnv1_n_bccd")
    return [f"{root}/configs/{name}.py" for name in names]


def test_peer_has_our_weights(ultralytics, configs):
    from benchmarks.network.ultralytics_network import build_ultralytics

    subject = Subject(load_config(configs[0], dict(img_scale=(320, 320))))
    same_weights = [each for each in NETWORK_PEERS.values() if not each.family]
    assert len(same_weights) == 2
    for chosen in same_weights:
        peer = build_ultralytics(subject, chosen)
        assert peer.memory_format == chosen.memory_format and not peer.training
        assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in peer.modules())
        with torch.no_grad():
            boxes, scores = subject.network(subject.images)
            xywh, peers_scores = peer(subject.images)
        centre, size = xywh.transpose(1, 2).split(2, 2)
        xyxy = torch.cat([centre - size / 2, centre + size / 2], 2)
        torch.testing.assert_close(boxes, xyxy, atol=0.05, rtol=0)
        torch.testing.assert_close(
            scores, peers_scores.transpose(1, 2), atol=1e-5, rtol=0
        )


def test_network_of_another_family(ultralytics, configs):
    """Counted, and traceable, as the export needs it."""
    from benchmarks.network.ultralytics_network import build_ultralytics

    _, counts = CountJob(configs[0], SMALL, "yolov8").prepare()
    assert counts["params"] == counts["params_fused"] > 3e6
    assert 0.09e9 < counts["conv_macs"] == counts["macs"] == counts["flops"] / 2 < 0.1e9
    subject = Subject(load_config(configs[0], SMALL))
    peer = build_ultralytics(subject, NetworkPeer(family="yolov8"))
    assert sum(p.numel() for p in peer.parameters()) == counts["params"]
    boxes, scores = torch.jit.trace(peer, subject.images)(subject.images)
    assert boxes.shape == (1, 4, 189) and scores.shape == (1, 3, 189)


def test_table_and_picture(ultralytics, configs, tmp_path):
    metrics = tmp_path / "metrics.json"
    metrics.write_text(json.dumps({"coco/bbox_mAP": 0.375}))
    plan = LatencyPlan(rounds=4, warmup=1)
    models = load_models(configs, plan, SMALL, maps=[str(metrics), "none"])
    table = compare_peers(models, plan, ["ultralytics-channels-last"])
    ours, mobilenet, peer = table.rows
    assert [row["model"] for row in table.rows] == [
        "yolo11_n_bccd",
        "yolo11_mnv1_n_bccd",
        "yolo11_n_bccd, ultralytics-channels-last",
    ]
    assert ours["conv_flops"] == 2 * ours["conv_macs"] == peer["conv_flops"]
    assert (ours["mAP"], mobilenet["mAP"], peer["mAP"]) == (0.375, None, None)
    pairs = np.divide(ours["eager_network_ms_all"], peer["eager_network_ms_all"])
    assert peer["eager_ratio"] == pytest.approx(np.median(pairs), rel=1e-2)
    pairs = np.divide(peer["eager_network_ms_all"], ours["eager_network_ms_all"])
    assert peer["eager_this_over_ours"] == pytest.approx(np.median(pairs), rel=1e-2)
    assert "eager_this_over_ours" not in ours
    assert "ultralytics" in table.document["machine"]["versions"]

    figure = draw_comparison(table)
    assert [text.get_text() for text in figure.axes[3].texts] == [
        "0.375",
        "not given",
        "not given",
    ]
    plt.close(figure)
    table.write([tmp_path / "compare.md"])
    assert "eager, this / ours" in (tmp_path / "compare.md").read_text()


def test_unknown_peer(configs):
    models = load_models(configs, LatencyPlan())
    words = "--peer detectron: choose from ultralytics"
    with pytest.raises(InputError, match=words) as error:
        compare_peers(models, LatencyPlan(), ["detectron"])
    assert "\n" not in str(error.value)


def test_peer_needs_its_backbone_and_package(configs, monkeypatch, tool):
    script = "benchmarks/network/compare_peers.py"
    done = tool(script, configs[1], "--peer", "ultralytics")
    assert done.returncode == 1
    assert "no config has YOLO11's own backbone" in done.stderr
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    models = load_models(configs, LatencyPlan())
    with pytest.raises(InputError, match="not installed: pip install ultralytics$"):
        compare_peers(models, LatencyPlan(), ["ultralytics"])

"""The headline table: counts, latency, mAP; bad input."""

import json

import cv2
import numpy as np
import pytest
from matplotlib import pyplot as plt

from mmyolo_mnv1.analysis.compare import compare_models, load_models, read_map
from mmyolo_mnv1.analysis.compare_figure import draw_comparison
from mmyolo_mnv1.analysis.timing import LatencyPlan
from mmyolo_mnv1.errors import InputError

SMALL = dict(img_scale=(96, 96))


@pytest.fixture
def configs(root):
    names = ("yolo11_n_bccd", "yolo11_mnv1_n_bccd")
    return [f"{root}/configs/{name}.py" for name in names]


@pytest.mark.slow
def test_table_and_picture(configs, tmp_path):
    metrics = tmp_path / "metrics.json"
    metrics.write_text(json.dumps({"coco/bbox_mAP": 0.375}))
    plan = LatencyPlan(rounds=4, warmup=1)
    models = load_models(configs, plan, SMALL, maps=[str(metrics), "none"])
    table = compare_models(models, plan)
    ours, mobilenet = table.rows
    assert [row["model"] for row in table.rows] == [
        "yolo11_n_bccd",
        "yolo11_mnv1_n_bccd",
    ]
    assert ours["conv_flops"] == 2 * ours["conv_macs"]
    assert (ours["mAP"], mobilenet["mAP"]) == (0.375, None)
    for row in table.rows:
        pairs = np.divide(ours["eager_network_ms_all"], row["eager_network_ms_all"])
        assert row["eager_ratio"] == pytest.approx(np.median(pairs), rel=1e-2)

    figure = draw_comparison(table)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[2:] == ["eager (ms)", "mAP@[.5:.95]"]
    lengths = [[bar.get_width() for bar in ax.patches] for ax in figure.axes]
    assert lengths[0] == [row["params"] / 1e6 for row in table.rows]
    assert lengths[2] == [row["eager_network_ms"] for row in table.rows]
    labels = [text.get_text() for text in figure.axes[2].texts]
    assert f"(÷ {mobilenet['eager_ratio']:.2f})" in labels[1]
    assert [text.get_text() for text in figure.axes[3].texts] == [
        "0.375",
        "not given",
    ]
    plt.close(figure)

    files = [tmp_path / f"compare{form}" for form in (".json", ".csv", ".md", ".png")]
    table.write(files, lambda: draw_comparison(table))
    assert json.loads(files[0].read_text())["rows"][1]["params"] == mobilenet["params"]
    assert "eager, first / this" in files[2].read_text()
    assert cv2.imread(str(files[3])).std() > 10
    assert len(list(tmp_path.glob("compare*"))) == 4 and not list(tmp_path.glob(".*"))


def test_headline(root, figures):
    """Without configs the tool compares the article's models; these are its counts."""
    from mmyolo_mnv1.analysis.compare import HEADLINE, HEADLINE_OPTIONS
    from mmyolo_mnv1.analysis.get_flops import flops_table

    configs = [root / config for config in HEADLINE]
    found = flops_table(configs, options=HEADLINE_OPTIONS).document
    for cost, name in zip(found, ("yolo11m", "mobilenetv1_backbone"), strict=True):
        expected = figures["headline"][name]
        assert f"{cost['params'] / 1e6:.4f}"[:4] + "M" == expected["params"]
    assert round(2 * found[0]["conv_macs"] / 1e9, 1) == 67.6
    assert round(2 * found[1]["conv_macs"] / 1e9, 1) == 38.9


def test_maps(tmp_path):
    assert read_map("0.5") == 0.5 and read_map("none") is None
    empty = tmp_path / "empty.json"
    empty.write_text("{}")
    for text, words in (
        ("1.5", "from 0 to 1"),
        ("nan", "from 0 to 1"),
        (str(empty), "a JSON file that has coco/bbox_mAP"),
        (str(tmp_path / "no.json"), "no.json: give a number"),
    ):
        with pytest.raises(InputError, match=words):
            read_map(text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(maps=["0.5"]), "--map: 1 for 2 configs"),
        (dict(checkpoints=["a.pth"]), "1 checkpoints for 2 configs"),
        (dict(plan=LatencyPlan(backends=["caffe"])), "backend 'caffe': choose from"),
        (dict(options=dict(img_scale=(100, 96))), "multiples of 32"),
    ],
)
def test_refuses(configs, options, words):
    plan = options.pop("plan", LatencyPlan())
    with pytest.raises(InputError, match=words) as error:
        load_models(configs, plan, **options)
    assert "\n" not in str(error.value)

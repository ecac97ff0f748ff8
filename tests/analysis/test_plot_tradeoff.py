"""The sweep over width, resolution and scale, its Pareto front and its picture."""

import itertools
import json
import random

import pytest
import torch
from matplotlib import pyplot as plt

from mmyolo_mnv1.analysis import plot_tradeoff as sweeping
from mmyolo_mnv1.analysis.complexity import measure_complexity
from mmyolo_mnv1.analysis.plot_tradeoff import sweep
from mmyolo_mnv1.analysis.timing import LatencyPlan
from mmyolo_mnv1.analysis.tradeoff_figure import draw_tradeoff
from mmyolo_mnv1.analysis.tradeoff_variants import (
    Variant,
    pareto_front,
    read_results,
    variants,
)
from mmyolo_mnv1.config import input_shape, load_config
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.models.build import build_model

pytestmark = pytest.mark.slow

SMALL = dict(img_scale=(64, 64))


@pytest.fixture
def points(root):
    config, baseline = (
        str(root / f"configs/yolo11{name}_n.py") for name in ("_mnv1", "")
    )
    return variants("n", (1.0, 0.5), (1.0, 0.5), config, baseline)


def test_other_config_or_width_of_the_same_name(root, points, tmp_path):
    path = tmp_path / "sweep.json"
    sweep(points, path, options=SMALL)
    others = [p._replace(config=p.config.replace("mnv1_n", "mnv1_t30")) for p in points]
    with pytest.raises(InputError, match="sweep of another config or variant yolo11_m"):
        sweep(others, path, options=SMALL)
    twice = [points[-1], points[-1]._replace(alpha=points[-1].alpha + 0.001)]
    with pytest.raises(InputError, match="have the same name, yolo11_mnv1_n_a0"):
        sweep(twice, path, options=SMALL)


def test_front_by_hand():
    costs, values = [1, 2, 3, 4, 5], [10, 30, 20, 40, 40]
    assert pareto_front(costs, values) == [0, 1, 3]
    assert pareto_front([3, 1, 2], [1, 1, 1]) == [1]
    assert pareto_front([1, 1, 2], [5, 5, 5]) == [0, 1]  # equals
    assert pareto_front([1, 1], [4, 5]) == [1]
    assert pareto_front([], []) == []


def test_front_by_definition():
    generator = random.Random(0)
    for _ in range(50):
        pairs = [
            (generator.randint(0, 6), generator.randint(0, 6))
            for _ in range(generator.randint(1, 12))
        ]
        beaten = {
            i
            for (i, a), (j, b) in itertools.permutations(enumerate(pairs), 2)
            if b[0] <= a[0] and b[1] >= a[1] and b != a
        }
        front = pareto_front(*zip(*pairs, strict=True))
        assert set(front) == set(range(len(pairs))) - beaten
        assert len(front) == len(set(front))
        assert [pairs[i][0] for i in front] == sorted(pairs[i][0] for i in front)


def test_variants_are_the_configs(root):
    """A variant is what the config of its name is."""
    points = variants()
    assert len(points) == 3 * 4 * (1 + 4)
    assert points[0].name == "yolo11_m"
    names = {point.name: point for point in points}
    assert len(names) == len(points)
    files = sorted((root / "configs").glob("yolo11_mnv1_[nm]_[ar]0??.py"))
    assert len(files) >= 14
    for file in (files[0], files[4], root / "configs/yolo11_s.py"):
        point = names[file.stem]
        cfg = load_config(root / point.config, point.options({}))
        wanted = load_config(file)
        assert input_shape(cfg) == input_shape(wanted)
        with torch.device("meta"):
            found, expected = (
                measure_complexity(build_model(c), input_shape(c))
                for c in (cfg, wanted)
            )
        assert found == expected


def test_sweep_goes_on(points, tmp_path):
    path = tmp_path / "sweep.json"
    first = sweep(points[:3], path, options=SMALL)
    assert [row["name"] for row in first.rows] == [
        "yolo11_n",
        "yolo11_n_r050",
        "yolo11_mnv1_n",
    ]
    assert [row["input"] for row in first.rows] == ["64 x 64", "32 x 32", "64 x 64"]
    assert first.rows[0]["conv_macs"] == pytest.approx(
        4 * first.rows[1]["conv_macs"], rel=1e-6
    )
    document = json.loads(path.read_text())
    document["points"]["yolo11_n"]["params"] = 7  # would be counted again otherwise
    path.write_text(json.dumps(document))
    table = sweep(points, path, options=SMALL, results=dict(yolo11_n=0.25))
    assert len(table.rows) == len(points) == 6
    assert table.rows[0]["params"] == 7 and table.rows[0]["mAP"] == 0.25
    assert len(json.loads(path.read_text())["points"]) == 6
    assert not list(tmp_path.glob(".*"))


class FakeWorker:
    """Stands for a process; MobileNetV1 takes half the reference's time."""

    started: list[str] = []

    def __init__(self, job):
        FakeWorker.started.append(job.config)
        self.milliseconds = 5.0 if "mnv1" in job.config else 10.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def time(self):
        return self.milliseconds


def test_sweep_times_against_the_reference(points, tmp_path, monkeypatch):
    class Fake(FakeWorker):
        def __init__(self, jobs):
            ((self.name, job),) = jobs.items()
            super().__init__(job)

        def __enter__(self):
            return {self.name: self}

    monkeypatch.setattr(sweeping, "workers", Fake)
    plan, path = LatencyPlan(rounds=3), tmp_path / "sweep.json"
    table = sweep([points[0], points[2]], path, plan, SMALL)
    assert [row["network_ms"] for row in table.rows] == [10, 5]
    assert [row["relative_latency"] for row in table.rows] == [1, 0.5]
    assert "over that of yolo11_n, in the same rounds" in table.markdown()
    assert len(Fake.started) == 3  # the reference once
    sweep([points[0], points[2]], path, plan, SMALL)
    assert len(Fake.started) == 3  # nothing is missing

    for change, words in (
        (
            dict(plan=LatencyPlan(rounds=4)),
            "a sweep of another plan: name another file",
        ),
        (dict(plan=None), "another plan"),
        (dict(options={}), "another options"),
        (dict(points=points[1:]), "another reference"),
    ):
        arguments = dict(points=points[:1], plan=plan, options=SMALL)
        with pytest.raises(InputError, match=words):
            sweep(path=path, **{**arguments, **change})
    with pytest.raises(InputError, match="a sweep has one"):
        sweep(points, path, LatencyPlan(backends=("eager", "compile")))


def test_picture(points, tmp_path):
    table = sweep(points, tmp_path / "sweep.json", options=SMALL)
    figure = draw_tradeoff(table)
    (ax,) = figure.axes
    costs = [row["params"] / 1e6 for row in table.rows]
    worths = [row["conv_macs"] / 1e9 for row in table.rows]
    drawn = [tuple(dot.get_offsets()[0]) for dot in ax.collections]
    assert drawn == [pytest.approx(pair) for pair in zip(costs, worths, strict=True)]
    (line,) = ax.lines
    front = pareto_front(costs, worths)
    assert 1 < len(front) < len(points)
    assert list(line.get_xdata()) == [costs[i] for i in front]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "MobileNetV1, α 0.5" in labels and "32 x 32 px" in labels
    plt.close(figure)

    known = {point.name: 0.1 * n for n, point in enumerate(points[:4])}
    table = sweep(points, tmp_path / "sweep.json", options=SMALL, results=known)
    figure = draw_tradeoff(table)
    assert [ax.get_xlabel() for ax in figure.axes] == [
        "parameters (M)",
        "MACs of convolutions (G)",
    ]
    assert all(len(ax.collections) == 4 for ax in figure.axes)  # those with mAP
    assert figure.axes[0].get_ylabel() == "mAP@[.5:.95]"
    plt.close(figure)


def test_results(points, tmp_path):
    path = tmp_path / "map.json"
    path.write_text('{"yolo11_n": 0.4}')
    assert read_results(path, points) == dict(yolo11_n=0.4)
    assert read_results(None, points) == {}
    for text, words in (
        ('{"yolo11_z": 0.4}', "yolo11_z: not among the variants"),
        ('{"yolo11_n": 40}', "yolo11_n: not among the variants, or not from 0"),
        ('{"yolo11_n": "x"}', "give a JSON object"),
        ("[1]", "give a JSON object"),
        ("{", "give a JSON object"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=words) as error:
            read_results(path, points)
        assert "\n" not in str(error.value)


def test_refuses(points, tmp_path):
    path = tmp_path / "sweep.json"
    for text in ("{", "[]", '{"plan": null}'):
        path.write_text(text)
        with pytest.raises(InputError, match="sweep.json holds no sweep"):
            sweep(points, path, options=SMALL)
        assert path.read_text() == text
    point = Variant(points[0].config, "q", None, 1.0)
    with pytest.raises(InputError, match="scale is 'q'"):
        sweep([point], tmp_path / "other.json", options=SMALL)


def test_tool(root, tool, tmp_path):
    out = [tmp_path / f"tradeoff.{form}" for form in ("png", "md", "json")]
    done = tool(
        "tools/analysis_tools/plot_tradeoff.py",
        *("--scales", "n", "--alphas", 0.25, "--rhos", "1", "4/7"),
        *("--data", tmp_path / "data.json", "--out", *out),
        cwd=root,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(out[2].read_text())["points"]
    assert [row["name"] for row in rows] == [
        "yolo11_n",
        "yolo11_n_r057",
        "yolo11_mnv1_n_a025",
        "yolo11_mnv1_n_a025_r057",
    ]
    assert out[1].read_text() in done.stdout and out[0].stat().st_size > 10_000

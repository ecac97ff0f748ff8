"""Duel: both sides train, are stopped, and resume."""

import json
import time

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample

from benchmarks.accuracy.duel import DuelPlan, duel, read_peer_options
from benchmarks.accuracy.duel_figure import draw_curves
from benchmarks.accuracy.duel_folder import (
    DuelTraining,
    alone,
    read_curve,
    read_times,
    write_training,
)
from benchmarks.accuracy.duel_results import (
    DuelResult,
    mean_and_deviation,
    restore_results,
    tabulate,
)
from benchmarks.accuracy.front import read_front, tabulate_front
from benchmarks.accuracy.plot_results import ResultPoint, read_points
from benchmarks.harness.fresh_process import start_module
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.converters.ultralytics import mmyolo_to_ultralytics
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.models.build import build_model

pytestmark = pytest.mark.train

EPOCHS = 3
PLAN = DuelPlan(seeds=[5], threads=1, workers=0, every=2, jobs=2)


@pytest.fixture
def options(digits):
    return dict(
        data_root=str(digits),
        img_scale=(64, 64),
        max_epochs=EPOCHS,
        close_mosaic_epochs=1,
        train_dataloader=dict(batch_size=4),
    )


def stop_after_an_epoch(folder, pattern):
    """Start a training; kill it when a file that matches ``pattern`` exists."""
    module = "benchmarks.accuracy.duel_training"
    with (folder / "killed.log").open("w") as log:
        process = start_module(module, str(folder), stdout=log, stderr=log)
        while not any(folder.glob(pattern)):
            assert process.poll() is None, (folder / "killed.log").read_text()
            time.sleep(0.02)
        process.kill()
        process.wait()


@pytest.mark.slow
def test_both_sides_train_and_resume(ultralytics, root, options, tmp_path):
    config = str(root / "configs/yolo11_n_digits.py")
    work_dir = tmp_path / "duel"
    plan = PLAN._replace(every=1)
    weights = tmp_path / "weights.pth"  # without optimizer state: not resumable
    state = build_model(load_config(config, options)).state_dict()
    torch.save(dict(state_dict=state), weights)
    options["load_from"] = str(weights)
    folders = [work_dir / name / "seed5" for name in ("yolo11_n_digits", "ultralytics")]
    patterns = ("last_checkpoint", "**/epoch_[12].pth")
    for folder, peer_options, pattern in zip(
        folders, (None, {}), patterns, strict=True
    ):
        training = DuelTraining(config, options, peer_options, 5, 1, 0, 1)
        write_training(training, folder)
        stop_after_an_epoch(folder, pattern)
        assert len(read_times(folder)) < EPOCHS and not read_curve(folder)
    table = duel([config], plan, work_dir, options, [{}])
    for folder in folders:
        assert sorted(read_times(folder)) == [1, 2, 3]
        curve = read_curve(folder)
        assert sorted(curve) == [1, 2, 3]
        assert set(curve[1]) == {"val_mAP", "val_mAP50"}
        assert {*curve[1], "test_mAP", "test_mAP50"} == set(curve[3])
        assert [p.name for p in folder.glob("epoch_*.pth")] == ["epoch_3.pth"]
    logs = [path.read_text() for path in folders[0].glob("*/*.log")]
    assert any("resumed epoch" in text for text in logs)
    ours, peer = table.rows
    assert (ours["model"], peer["model"]) == ("yolo11_n_digits", "ultralytics")
    assert ours["epoch_seconds"] > 0 and "catch_up" in ours and "catch_up" not in peer
    draw_curves(table).savefig(tmp_path / "curves.png")
    # Ultralytics trained every epoch, across the kill.
    (results,) = folders[1].glob("ultralytics/results.csv")
    assert results.read_text().count("\n") == 1 + EPOCHS
    before = [(folder / "train.log").read_text() for folder in folders]
    again = duel([config], plan, work_dir, options, [{}])
    assert again.rows == table.rows
    assert before == [(folder / "train.log").read_text() for folder in folders]
    with pytest.raises(InputError, match="holds a training with other settings"):
        duel([config], plan._replace(threads=2), work_dir, options, [{}])


@pytest.mark.slow
def test_sigterm_leaves_no_training_behind(root, options, tmp_path):
    folder = tmp_path / "duel/yolo11_n_digits/seed0"
    given = [f"{key}={value}" for key, value in options.items() if key != "img_scale"]
    given = ["img_scale=(64,64)", *(g for g in given if "dataloader" not in g)]
    arguments = [
        *(root / "configs/yolo11_n_digits.py", "--seeds", "0"),
        *("--work-dir", tmp_path / "duel", "--cfg-options", *given, "max_epochs=500"),
    ]
    process = start_module("benchmarks.accuracy.duel", *map(str, arguments))
    while not read_times(folder):
        assert process.poll() is None
        time.sleep(0.1)
    with pytest.raises(InputError, match="another process trains there"), alone(folder):
        pass
    process.terminate()
    assert process.wait() == 143
    with alone(folder):
        assert list(folder.glob("iter_*.pth"))  # to resume from


def test_failed_training_is_reported(root, options, tmp_path):
    config = str(root / "configs/yolo11_n_digits.py")
    gone = dict(options, data_root=str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="annotation file .*nowhere.* not found"):
        duel([config], PLAN, tmp_path / "duel", gone)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(seeds=[1, 1]), r"--seeds \[1, 1\]"),
        (dict(seeds=[]), "--seeds"),
        (dict(every=0), "--every 0: give 1 or more"),
        (dict(jobs=-1), "--jobs -1"),
    ],
)
def test_bad_plans(change, words):
    with pytest.raises(InputError, match=words):
        PLAN._replace(**change).check()


def test_peer_needs_a_baseline_first(ultralytics, root, options, tmp_path):
    config = str(root / "configs/yolo11_mnv1_n_digits.py")
    with pytest.raises(InputError, match="Ultralytics has no model with this backbone"):
        duel([config], PLAN, tmp_path / "duel", options, [{}])
    assert not (tmp_path / "duel").exists()


def test_peer_options():
    options = read_peer_options(["nbs=16", "amp=false", "optimizer=SGD"])
    assert options == dict(nbs=16, amp=False, optimizer="SGD")
    with pytest.raises(InputError, match="--peer configs/a.py: give KEY=VALUE"):
        read_peer_options(["configs/a.py"])


def test_a_release_that_is_not_installed(root, options, tmp_path):
    config = str(root / "configs/yolo11_n_digits.py")
    with pytest.raises(InputError, match=r"0\.1 not found: make peers PEER=.*==0\.1"):
        duel([config], PLAN, tmp_path / "duel", options, [dict(version="0.1")])
    assert not (tmp_path / "duel").exists()


def test_ultralytics_detector_finds_the_same_boxes(ultralytics, root):
    """Our detector and Ultralytics' agree on a letterboxed image, equal weights."""
    from benchmarks.accuracy.ultralytics_training import use_ultralytics_network

    cfg = load_config(root / "configs/yolo11_n_digits.py", dict(img_scale=(96, 96)))
    ours = build_model(cfg).eval()
    for module in ours.bbox_head.modules():
        if getattr(module, "out_channels", 0) == 10:  # scores far from each other
            torch.nn.init.normal_(module.weight)
            torch.nn.init.zeros_(module.bias)
    use_ultralytics_network(DuelTraining("", {}, {}, 0, 1, 0, 1), cfg)
    peer = build_model(cfg).eval()
    peer.network.load_state_dict(mmyolo_to_ultralytics(ours.state_dict()))
    image = dict(
        img_shape=(96, 96), ori_shape=(80, 200), scale_factor=(0.48, 0.48),
        pad_param=np.array([28, 29, 0, 0]),
    )  # fmt: skip
    photo = torch.randint(0, 256, (3, 96, 96), dtype=torch.uint8)
    found = []
    for model in (ours, peer):
        sample = DetDataSample(metainfo=image)
        batch = dict(inputs=[photo], data_samples=[sample])
        found.append(model.test_step(batch)[0].pred_instances)
    assert len(found[0]) == len(found[1]) == 300
    torch.testing.assert_close(found[0].scores, found[1].scores, atol=1e-5, rtol=0)
    first, second = (
        torch.cat([each.labels[:, None], each.scores[:, None], each.bboxes], 1)
        for each in found
    )  # in another order where scores are equal
    distances = (first[:, None] - second).abs().amax(2).amin(1)
    assert (distances < 0.05).sum() >= 298  # the last ones may be others


def test_finished_trainings_are_restored(tmp_path):
    names = ["a", "ultralytics-8.4.190_yolo26n"]
    for name in names:
        write_result(tmp_path / "duel" / name / "seed0", 0, [1, 2], {2: 0.5})
    write_result(tmp_path / "duel" / names[0] / "seed1", 1, [1], {})  # unfinished
    table = tabulate(tmp_path / "duel", names, [0, 1], MACHINE)
    assert [row["seeds"] for row in table.rows] == [1, 1]
    table.write([tmp_path / "duel.json"])
    restore_results(tmp_path / "duel.json", tmp_path / "again")
    again = tabulate(tmp_path / "again", names, [0], MACHINE)
    assert again.rows == table.rows
    assert again.document["results"] == table.document["results"]
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InputError, match=r"--known .*other\.json: .*JSON of duel"):
        restore_results(tmp_path / "other.json", tmp_path / "again")


def write_result(folder, seed, seconds, curve, config="c", peer=None):
    write_training(DuelTraining(f"{config}.py", {}, peer, seed, 1, 0, 1), folder)
    lines = [f"{epoch},{s}\n" for epoch, s in enumerate(seconds, 1)]
    (folder / "epochs.csv").write_text("".join(lines))
    points = [
        json.dumps(dict(epoch=e, val_mAP=v, val_mAP50=v, test_mAP=v, test_mAP50=v))
        for e, v in curve.items()
    ]
    (folder / "curve.jsonl").write_text("\n".join(points))


def test_time_to_the_peers_precision(tmp_path):
    for seed in (0, 1):
        write_result(
            tmp_path / "a" / f"seed{seed}",
            seed,
            [2, 3, 4, 5],
            {2: 0.3, 4: 0.5 + seed / 10},
        )
        write_result(
            tmp_path / "ultralytics" / f"seed{seed}",
            seed,
            [10, 10],
            {1: 0.1, 2: 0.3 + seed / 10},
        )
    names = ["a", "ultralytics"]
    ours, peer = tabulate(tmp_path, names, [0, 1], MACHINE).rows
    assert ours["val_mAP"] == "0.550 ± 0.071" and peer["test_mAP"] == "0.350 ± 0.071"
    assert ours["minutes"] == 14 / 60 and ours["epoch_seconds"] == 3.5
    # 5 of 20 seconds with one seed, 14 with the other.
    assert ours["catch_up"] == mean_and_deviation([0.25, 0.7], digits=2)
    result = DuelResult(0, [2.0, 3.0], {2: dict(val_mAP=0.4)}, {})
    assert result.seconds_to(0.5) is None


def test_results_as_a_picture(tool, tmp_path):
    """Ultralytics has the costs of the config whose network it trained."""
    trained, measured = tmp_path / "duel.json", tmp_path / "costs.json"
    for name in ("c", "ultralytics"):
        write_result(tmp_path / name / "seed0", 0, [1], {1: 0.5})
    table = tabulate(tmp_path, ["c", "ultralytics"], [0], MACHINE)
    table.write([trained])
    rows = [dict(model="c", conv_macs=2e9, openvino_network_ms=7.5)]
    costs = dict(plan=dict(backends=["openvino"], threads=2), rows=rows)
    measured.write_text(json.dumps(costs))
    points, backend = read_points(measured, [trained, trained])
    assert points == [
        ResultPoint("c", [0.5], 2, 7.5),
        ResultPoint("ultralytics", [0.5], 2, 7.5),
    ]
    assert backend == "openvino, 2 threads"
    script = "benchmarks/accuracy/plot_results.py"
    done = tool(script, measured, trained, "--out", tmp_path / "r.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    rows[0]["model"] = "other"
    measured.write_text(json.dumps(costs))
    with pytest.raises(InputError, match=r"costs\.json has no c: give compare\.py"):
        read_points(measured, [trained, trained])
    with pytest.raises(InputError, match="give the JSON of duel.py"):
        read_points(measured, [measured])


def test_front_of_two_data_sets(tool, tmp_path):
    """Costs by the model's name without the data set; a mean where all are trained."""
    trained = []
    for data, value in (("bccd", 0.5), ("cards", 0.7)):
        for seed in (0, 1):
            folder = tmp_path / data / f"yolo11_n_{data}" / f"seed{seed}"
            write_result(folder, seed, [1], {1: value + seed / 10}, f"yolo11_n_{data}")
        peer = tmp_path / data / "ultralytics_yolo26n"
        if data == "bccd":
            write_result(peer / "seed0", 0, [1], {1: 0.4}, "c", dict(model="yolo26n"))
        names = [f"yolo11_n_{data}", peer.name]
        table = tabulate(tmp_path / data, names, [0, 1], MACHINE)
        trained.append(tmp_path / f"light_{data}.json")
        table.write(trained[-1:])
    rows = [
        dict(model=name, params=2e6, conv_macs=3e9, onnxruntime_network_ms=ms,
             onnxruntime_ratio=20 / ms)
        for name, ms in (("yolo11_n", 20), ("yolo26n", 16))
    ]  # fmt: skip
    plan = dict(backends=["onnxruntime"], threads=2)
    (tmp_path / "costs.json").write_text(json.dumps(dict(plan=plan, rows=rows)))
    int8 = [
        dict(model="yolo11_n", precision=precision, lost=0.3, megabytes=3)
        for precision in ("fp32", "int8")
    ]
    (tmp_path / "int8.json").write_text(json.dumps(dict(rows=int8)))
    times = [dict(int8[1], format="openvino", network_ms=8, single=1.7)]
    (tmp_path / "times.json").write_text(json.dumps(dict(rows=times)))
    files = [tmp_path / name for name in ("int8.json", "times.json")]
    front = read_front(tmp_path / "costs.json", trained, *files)
    assert front.points() == [ResultPoint("yolo11_n", pytest.approx([0.6, 0.7]), 3, 20)]
    peer, ours = tabulate_front(front).rows
    assert peer["bccd"] == "0.400 (1)" and peer["mean"] is None
    assert ours["cards"] == "0.750 ± 0.071 (2)"
    assert ours["mean"] == pytest.approx(0.65) and ours["int8_lost"] == 0.3
    assert (ours["openvino_int8_ms"], ours["openvino_int8_ratio"]) == (8, 1.7)
    assert "openvino_int8_ms" not in peer
    script, picture = "benchmarks/accuracy/front.py", tmp_path / "front.png"
    done = tool(script, tmp_path / "costs.json", *trained, "--out", picture)
    assert done.returncode == 0 and picture.is_file(), done.stderr
    (tmp_path / "costs.json").write_text(json.dumps(dict(plan=plan, rows=rows[:1])))
    with pytest.raises(InputError, match="has no yolo26n: measure them too"):
        read_front(tmp_path / "costs.json", trained)


MACHINE = dict(
    command="", date="", cpu="", cores=1, threads=1, load_before=0, system="",
    python="", versions={},
)  # fmt: skip

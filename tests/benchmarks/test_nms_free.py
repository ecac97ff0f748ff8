"""mAP and post-processing with and without NMS: one checkpoint, two ways."""

import json

import pytest

from benchmarks.accuracy import nms_free
from mmyolo_mnv1.analysis import worker
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.deploy.runtime.engines import OnnxRuntimeEngine
from mmyolo_mnv1.errors import InputError
from tests.helpers.deploy_models import write_weights


@pytest.mark.train
def test_table(root, digits, tmp_path, monkeypatch):
    base, config = root / "configs/yolo11_mnv1_n_digits.py", tmp_path / "small.py"
    config.write_text(
        f"_base_ = {str(base)!r}\nimg_scale = (64, 64)\ndata_root = {str(digits)!r}\n"
        "model = dict(backbone=dict(alpha=0.25))\n"
    )
    weights = write_weights(load_config(config), tmp_path / "weights.pth", [(64, 64)])
    way = iter([0.5, 0.625, 0.25, 0.5])  # with NMS of two seeds, then without
    monkeypatch.setattr(nms_free, "measure_precision", lambda *_: dict(AP=next(way)))
    network_runs = []
    run_network = OnnxRuntimeEngine.run

    def run(engine, images):
        network_runs.append(1)
        return run_network(engine, images)

    def timed(function):
        """Add a second for each network that runs: independent of the machine."""
        measure = worker.timed(function)

        def time_once():
            before = len(network_runs)
            return measure() + 1000 * (len(network_runs) - before)

        return time_once

    monkeypatch.setattr(OnnxRuntimeEngine, "run", run)
    monkeypatch.setattr(nms_free, "timed", timed)
    files = [tmp_path / "table.json", tmp_path / "table.md"]
    nms_free.main(
        [
            *("--run", "digits", str(config), str(weights), str(weights)),
            *("--rounds", "2", "--out", *map(str, files)),
        ]
    )
    (row,) = json.loads(files[0].read_text())["rows"]
    assert row["mAP_nms"] == 0.5625 and row["mAP_free_all"] == [0.25, 0.5]
    assert row["gap"] == pytest.approx(18.75)
    assert row["gap_sd"] == pytest.approx(8.8388, rel=1e-3)
    assert row["ms_free_network"] > row["ms_free_0.001"] > 0
    assert row["ms_nms_network"] > row["ms_nms_0.25"] > 0
    assert "points lost without" in files[1].read_text()

    other = {**row, "checkpoints": ["seed2.pth"], "ms_free_network": 1.0}
    other.update(mAP_nms_all=[0.75], mAP_free_all=[0.75])
    joined = nms_free.summarise(other, nms_free.read_rows(files[0])["digits"])
    assert joined["checkpoints"] == [str(weights), str(weights), "seed2.pth"]
    assert joined["seeds"] == 3 and joined["mAP_nms"] == 0.625
    assert joined["gap"] == pytest.approx(12.5) and joined["ms_free_network"] == 1.0
    with pytest.raises(InputError, match="contains .*weights.pth"):
        nms_free.summarise(row, row)


@pytest.mark.parametrize("text", ["", "[]", '{"rows": [{"data": "digits"}]}'])
def test_other_file(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(InputError, match="other.json.*give a JSON of nms_free"):
        nms_free.read_rows(path)

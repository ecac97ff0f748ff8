"""Runs of the one command are measured once, and are in the table."""

import json

import pytest

from benchmarks.accuracy import quickstart_runs

#: In place of the command: writes its summary.
FAKE = """
import json, pathlib, sys
name, weights = sys.argv[3], sys.argv[5]
folder = pathlib.Path("work_dirs") / name
folder.mkdir(parents=True)
value = 0.25 if weights == "none" else 0.5
summary = dict(mAP=value, mAP_50=2 * value, photos=9)
(folder / "summary.json").write_text(json.dumps(summary))
sys.exit(weights == "broken")
"""


def test_table_and_finished_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/quickstart.py").write_text(FAKE)
    args = ["cards=photos", "--weights", "w.npz", "--out", "table.md", "runs.json"]
    for _ in range(2):  # the second time nothing is run: the folder is there
        quickstart_runs.main(args)
    rows = [x.split("|") for x in (tmp_path / "table.md").read_text().splitlines()]
    cells = [[cell.strip() for cell in row[1:6]] for row in rows[2:4]]
    assert cells == [
        ["cards", "scratch", "9", "0.250", "0.500"],
        ["cards", "in1k", "9", "0.500", "1.000"],
    ]
    runs = json.loads((tmp_path / "runs.json").read_text())["runs"]
    assert all(run["wall"] > 0 and run["cpu"] > 0 for run in runs)
    with pytest.raises(SystemExit, match="other_in1k: the command ended with 1"):
        quickstart_runs.main(["other=photos", "--weights", "broken"])

"""Statistics of datasets: the numbers, and that the pictures show them."""

import json
from itertools import pairwise

import cv2
import numpy as np
import pytest
from matplotlib import pyplot as plt

from mmyolo_mnv1.analysis.dataset_analysis import config_stats, file_stats, stats_table
from mmyolo_mnv1.analysis.dataset_figures import draw_figures, draw_stats
from mmyolo_mnv1.annotations.coco import add_box, coco_dict
from mmyolo_mnv1.annotations.voc import voc_to_coco
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.files import write_json

SIZES = [(31.9, 31.9), (64, 16), (32, 32), (95, 95), (192, 48), (96, 96), (300, 200)]


@pytest.fixture
def cells(root, bccd, tmp_path):
    """The config of the blood cells, with their data."""
    voc_to_coco(bccd, tmp_path / "BCCD", ["train", "val", "test"])
    config = root / "configs/yolo11_mnv1_n_bccd.py"
    return load_config(config, dict(data_root=str(tmp_path / "BCCD")))


@pytest.fixture
def small(tmp_path):
    """Two images of 640 x 480 px, one with boxes of ``SIZES`` and one of a crowd."""
    coco = coco_dict(["cat", "dog", "bird"])
    for image_id in (1, 2):
        name = f"{image_id}.jpg"
        coco["images"].append(dict(id=image_id, file_name=name, width=640, height=480))
    for number, size in enumerate(SIZES):
        add_box(coco, 1, 1 + number % 2, (10, 20, *size))
    add_box(coco, 1, 3, (10, 20, 30, 40))
    coco["annotations"][-1]["iscrowd"] = 1
    write_json(coco, tmp_path / "small.json")
    return tmp_path / "small.json"


def test_numbers_of_a_file(small):
    (stats,) = file_stats([small])
    assert stats.per_class == {"cat": 4, "dog": 3, "bird": 0}
    assert stats.per_image.tolist() == [7, 0]
    np.testing.assert_allclose(stats.sizes, SIZES, rtol=1e-6)
    # 64 x 16 is as much as 32 x 32, and 192 x 48 as 96 x 96
    assert stats.bands == dict(small=1, medium=3, large=3)
    assert stats.input_size is None and (stats.zooms == 1).all()


def test_numbers_of_a_config(cells, tmp_path):
    stats = config_stats(cells)
    assert [s.name for s in stats] == ["train", "val", "test"]
    assert [len(s.per_image) for s in stats] == [205, 87, 72]
    assert stats[0].per_class == {"Platelets": 209, "RBC": 2381, "WBC": 214}
    for s in stats:
        file = json.loads((tmp_path / f"BCCD/annotations/{s.name}.json").read_text())
        areas = np.array([ann["area"] for ann in file["annotations"]])
        counts = np.histogram(areas, [0, 32**2, 96**2, np.inf])[0]
        assert list(s.bands.values()) == counts.tolist()
        assert s.input_size == (320, 320) and (s.zooms == 0.5).all()
    table = stats_table(stats).markdown()
    rows = [line.strip("| ").split() for line in table.splitlines()]
    assert ["RBC", "|", "2381", "|", "967", "|", "805"] in rows
    assert ["boxes", "|", "2804", "|", "1137", "|", "945"] in rows
    assert [s.name for s in config_stats(cells, ["val"])] == ["val"]
    cells.test_dataloader = cells.val_dataloader  # as in many configs
    assert [s.name for s in config_stats(cells)] == ["train", "val"]


def test_pictures_show_the_numbers(cells):
    stats = config_stats(cells)
    figures = draw_figures(stats)
    classes, sizes, per_image = figures.values()
    texts = {text.get_text() for ax in classes.axes for text in ax.texts}
    expected = {f"{n:,}" for s in stats for n in s.per_class.values()}
    assert texts == expected and "2,381" in texts
    assert classes.axes[0].get_yticklabels()[-1].get_text() == "RBC"
    assert len(sizes.axes) == 6
    bands = {text.get_text() for text in sizes.axes[2].texts}
    assert {"small", "medium", "large", "69 %"} <= bands
    assert sizes.axes[3].get_xlabel() == "width at 320 × 320 input (px)"
    for ax in (*sizes.axes, *per_image.axes):
        # an outline for each split; all its shares are there
        outlines = [patch for patch in ax.patches if not patch.get_fill()]
        assert len(outlines) == 3
        for outline in outlines:
            heights = outline.get_xy()[1:-1:2, 1]
            assert heights.sum() == pytest.approx(100)
        assert ax.get_xlabel() and ax.get_ylabel().endswith("(%)")
    for figure in figures.values():
        plt.close(figure)


def test_pictures_are_files(small, tmp_path):
    before = plt.get_fignums()
    paths = draw_stats(file_stats([small]), tmp_path / "out")
    assert [path.stem for path in paths] == ["classes", "box_sizes", "boxes_per_image"]
    assert all(cv2.imread(str(path)).std() > 10 for path in paths)
    assert len(list((tmp_path / "out").iterdir())) == 3
    assert plt.get_fignums() == before


def test_eighty_classes_are_readable(tmp_path):
    names = [f"class number {i}" for i in range(80)]
    coco = coco_dict(names)
    coco["images"] = [dict(id=1, file_name="1.jpg", width=640, height=480)]
    for number in range(80):
        add_box(coco, 1, number + 1, (0, 0, 5, 5))
    write_json(coco, tmp_path / "a.json")
    figure = draw_figures(file_stats([tmp_path / "a.json"]))["classes"]
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert len(boxes) == 80
    assert all(lower.y1 <= upper.y0 + 1 for lower, upper in pairwise(boxes))
    assert min(box.x0 for box in boxes) >= 0
    plt.close("all")


def test_nothing_but_a_crowd(small, tmp_path):
    document = json.loads(small.read_text())
    write_json(document | {"annotations": document["annotations"][-1:]}, small)
    stats = file_stats([small])
    assert (
        stats[0].per_image.tolist() == [0, 0]
        and "bird" in stats_table(stats).markdown()
    )
    assert len(draw_stats(stats, tmp_path / "out")) == 3


def test_files_of_the_same_name_are_told_apart(small, tmp_path):
    other = tmp_path / "other" / "small.json"
    write_json(json.loads(small.read_text()), other)
    assert [s.name for s in file_stats([small, other])] == [str(small), str(other)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "small.json not found"),
        ("{", "small.json is not COCO JSON"),
        ("[]", "small.json is not COCO JSON"),
        ("{}", "small.json is not COCO JSON .*categories"),
        ('{"images": [], "annotations": [], "categories": []}', "lists no image"),
    ],
)
def test_refuses(small, text, words):
    small.unlink()
    if text is not None:
        small.write_text(text)
    with pytest.raises(InputError, match=words) as error:
        file_stats([small])
    assert "\n" not in str(error.value)


def test_refuses_a_split_that_is_not_there(cells):
    cells.test_dataloader = None
    with pytest.raises(InputError, match="bccd.py: no test_dataloader"):
        config_stats(cells, ["test"])


def test_command_line(root, small, digits, tmp_path, tool):
    script = "tools/analysis_tools/dataset_analysis.py"
    done = tool(script, small, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert f"wrote {tmp_path / 'out/classes.png'}" in done.stdout
    assert "cat" in done.stdout
    config = root / "configs/yolo11_mnv1_n_digits.py"
    arguments = ["--split", "train", "--cfg-options", f"data_root={digits}"]
    done = tool(script, config, "--out", tmp_path / "two", *arguments)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "two/box_sizes.png").is_file()
    done = tool(script, small, config, "--out", tmp_path / "three")
    assert done.returncode == 1
    assert "give one config, or only .json files" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "three").exists()

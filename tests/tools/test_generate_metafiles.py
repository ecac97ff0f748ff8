"""Metafiles agree with the configs and with the reference counts."""

from pathlib import Path

import pytest
import yaml

from mmyolo_mnv1.errors import InputError
from tools.misc import generate_metafiles as metafiles
from tools.misc.generate_metafiles import TOOL

pytestmark = pytest.mark.slow


@pytest.fixture
def models(root) -> list[dict]:
    """Entries of the committed metafiles."""
    index = yaml.safe_load((root / "model-index.yml").read_text())
    files = [yaml.safe_load((root / path).read_text()) for path in index["Import"]]
    return [model for file in files for model in file["Models"]]


def test_every_field_but_the_counts(root, models):
    expected = [metafiles.metafile_entry(p, root) for p in metafiles.config_files(root)]
    for model in models:
        counts = [model["Metadata"].pop(field) for field in ("Parameters", "FLOPs")]
        assert all(isinstance(number, int) and number > 0 for number in counts)
    assert models == expected
    assert len(models) >= 34


@pytest.mark.parametrize(
    "name",
    [
        "yolo11_n",
        "yolo11_mnv1_n_digits",
        "yolo11_mnv1_m_r057",
        "mobilenet_v1_1.0_8xb32_in1k",
    ],
)
def test_counts_of_a_few(root, models, name):
    (model,) = (model for model in models if model["Name"] == name)
    counts = metafiles.metafile_counts(root / model["Config"])
    assert counts.items() <= model["Metadata"].items()


def test_counts_are_the_references(models, figures):
    counts = {model["Name"]: model["Metadata"] for model in models}
    checked = 0
    for scale in "nsmlx":
        given = {f"yolo11_{scale}": figures["yolo11"][scale]["80"]["params"]}
        macs = {f"yolo11_{scale}": figures["yolo11_conv_gmacs_nc80"][scale]}
        for alpha, suffix in (
            (1.0, ""),
            (0.75, "_a075"),
            (0.5, "_a050"),
            (0.25, "_a025"),
        ):
            name = f"yolo11_mnv1_{scale}{suffix}"
            reference = figures["yolo11_mnv1"][f"alpha_{alpha}_nc80"][scale]
            given[name], macs[name] = reference["params"], reference["conv_gmacs"]
        for name in given.keys() & counts.keys():
            assert counts[name]["Parameters"] == given[name]
            assert round(counts[name]["FLOPs"] / 2e9, 4) == macs[name]
            checked += 1
    assert checked == 16
    for alpha, params in figures["mobilenet_v1"]["params_with_fc1000"].items():
        count = counts[f"mobilenet_v1_{alpha}_8xb32_in1k"]
        assert count["Parameters"] == params
        linear = 1000 * 1024 * float(alpha)
        mult_adds = figures["mobilenet_v1"]["mult_adds_millions"][alpha]["224"]
        assert (count["FLOPs"] / 2 + linear) / 1e6 == pytest.approx(
            mult_adds, abs=0.005
        )


def test_committed_files_follow_from_the_entries(root, models):
    texts = metafiles.render_files(models, (root / metafiles.README).read_text())
    assert {str(path) for path in texts} == {
        *("configs/metafile.yml", "configs/ablation/metafile.yml"),
        "configs/classification/metafile.yml",
        *("model-index.yml", "dataset-index.yml", "configs/README.md"),
    }
    for path, text in texts.items():
        assert (root / path).read_text() == text, f"{path} is stale: run {TOOL}"


def test_everything_is_up_to_date(tool):
    done = tool(TOOL, "--check")
    assert done.returncode == 0, done.stderr
    assert "all up to date" in done.stdout


@pytest.fixture
def project(root, tmp_path) -> Path:
    """A repository of two configs, without generated files."""
    (tmp_path / "configs").mkdir()
    for name in ("yolo11_n", "yolo11_mnv1_n_a025"):
        path = tmp_path / "configs" / f"{name}.py"
        path.write_text(f"_base_ = {str(root / 'configs' / path.name)!r}\n")
    readme = f"# Configs\n\n{metafiles.BEGIN}{metafiles.END}\nThe rest.\n"
    (tmp_path / metafiles.README).write_text(readme)
    return tmp_path


def test_generate(project):
    stale = metafiles.generate_metafiles(project, check=True)
    assert len(stale) == 4 and not (project / "model-index.yml").exists()
    assert metafiles.generate_metafiles(project) == stale
    assert metafiles.generate_metafiles(project, check=True) == []
    file = yaml.safe_load((project / "configs/metafile.yml").read_text())
    names = [collection["Name"] for collection in file["Collections"]]
    assert names == ["YOLO11", "MobileNetV1-YOLO11"]
    readme = (project / metafiles.README).read_text()
    row = "[`yolo11_n.py`](yolo11_n.py) | COCO | 640 × 640 | 2.624 | 3.241 |"
    assert readme.startswith("# Configs\n") and readme.endswith("\nThe rest.\n")
    assert row in readme

    config = project / "configs/yolo11_n.py"
    config.write_text(config.read_text() + "rho = 0.8\nsync_bn = 'torch'\n")
    stale = metafiles.generate_metafiles(project)
    assert stale == [Path("configs/metafile.yml"), metafiles.README]
    file = yaml.safe_load((project / "configs/metafile.yml").read_text())
    fields = file["Models"][1]["Metadata"]
    assert fields["Input Size"] == "512x512" and fields["SyncBN"] == "yes"
    assert "512 × 512 | 2.624 | 2.074 |" in (project / metafiles.README).read_text()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("data_root = 'data/new/'", "yolo11_n.py: data/new/ is unknown: add it to"),
        (
            "model = dict(backbone=dict(_delete_=True, type='mmdet.CSPDarknet'))",
            "('YOLO11Detector', 'mmdet.CSPDarknet') is unknown",
        ),
    ],
)
def test_unknown_names_are_refused_in_one_line(project, lines, words):
    config = project / "configs/yolo11_n.py"
    config.write_text(f"{config.read_text()}{lines}\n")
    with pytest.raises(InputError) as error:
        metafiles.generate_metafiles(project)
    assert words in str(error.value) and "\n" not in str(error.value)
    assert not (project / "configs/metafile.yml").exists()


def test_readme_without_markers_of_the_table(project):
    (project / metafiles.README).write_text("# Configs\n")
    with pytest.raises(InputError, match="configs/README.md: the lines"):
        metafiles.generate_metafiles(project)
    assert not (project / "model-index.yml").exists()

"""What importing loads and changes; the import contract of pyproject.toml."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "mmengine", "mmcv", "mmdet", "mmyolo", "skimage", "matplotlib"}

#: Prints the top packages of the loaded modules in JSON.
LOADED = """
import json, sys
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def loaded(python, code: str, **kwargs) -> set[str]:
    """Top packages that are loaded in a new interpreter after some code."""
    done = python("-c", code + LOADED, **kwargs)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_contract(root):
    lint = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"]
    done = subprocess.run(lint, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import mmyolo_mnv1", HEAVY | {"numpy", "cv2"}),
        ("from mmyolo_mnv1.deploy import Detector", HEAVY),
        ("import mmyolo_mnv1.annotations", HEAVY),
        (
            "import runpy; runpy.run_path('tools/predict.py')",
            HEAVY | {"onnx", "openvino", "nncf"},
        ),
        (
            "import mmyolo_mnv1.deploy.export",
            {"skimage", "openvino", "nncf"},
        ),
    ],
)
def test_import_loads_nothing_heavy(root, python, code, forbidden):
    assert loaded(python, code, cwd=root) & forbidden == set()


ALL_MODULES = """
import importlib, pkgutil, sys
import mmengine.runner
from mmengine.runner.checkpoint import CheckpointLoader
before = dict(CheckpointLoader._schemes)
import mmyolo_mnv1.registration
assert not {"onnx", "openvino", "nncf", "ultralytics"} & sys.modules.keys()
names = [m.name for m in pkgutil.walk_packages(mmyolo_mnv1.__path__, "mmyolo_mnv1.")]
assert len(names) > 80, names
for name in names:
    importlib.import_module(name)
added = CheckpointLoader._schemes.keys() - before.keys()
assert added == {"timm://", "ultralytics://"}, added
assert before.items() <= CheckpointLoader._schemes.items()
"""


@pytest.mark.slow
def test_importing_every_module_replaces_no_checkpoint_loader(root, python):
    assert (
        loaded(python, ALL_MODULES, cwd=root) & {"benchmarks", "ultralytics"} == set()
    )


def test_package_imports_no_peer(root):
    """Neither by an import statement nor by a name in a string."""
    paths = sorted((root / "mmyolo_mnv1").rglob("*.py"))
    assert paths
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [] if node.level else [node.module]
            elif isinstance(node, ast.Call) and node.args:
                called, first = ast.unparse(node.func), node.args[0]
                by_name = called.endswith(("import_module", "__import__", "find_spec"))
                names = (
                    [ast.literal_eval(first)]
                    if by_name and isinstance(first, ast.Constant)
                    else []
                )
            else:
                continue
            peers = {n.split(".")[0] for n in names} & {"ultralytics", "timm"}
            assert not peers, f"{path}:{node.lineno}"

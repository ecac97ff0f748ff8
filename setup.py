"""Package metadata; the requirements live in requirements/, the pins only there."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def requirements(name: str) -> list[str]:
    """Lines of requirements/<name>.txt without comments and references."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    return [line for line in lines if line.strip() and line[0] not in "#-"]


version = re.search(
    r'__version__ = "(.+)"', (ROOT / "mmyolo_mnv1" / "version.py").read_text()
).group(1)

setup(
    name="mmyolo-mnv1",
    version=version,
    description="MobileNetV1-YOLO11 detectors for the OpenMMLab ecosystem",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="GPL-3.0",
    python_requires=">=3.10,<3.13",
    packages=find_packages(include=["mmyolo_mnv1*"]),
    # .mim holds links to configs, tools and indexes; what is installed are the files.
    package_data={"mmyolo_mnv1": [f".mim/**/*.{e}" for e in ("md", "py", "sh", "yml")]},
    # What only runs exported models, [deploy], is to be small.
    install_requires=[],
    extras_require={
        "mim": requirements("mminstall"),
        "train": requirements("runtime"),
        "deploy": requirements("deploy"),
        "export": requirements("deploy") + requirements("export"),
        "tests": requirements("tests")
        + requirements("deploy")
        + requirements("export"),
        "optional": requirements("optional"),
        "all": requirements("runtime")
        + requirements("tests")
        + requirements("deploy")
        + requirements("export")
        + requirements("optional"),
    },
)

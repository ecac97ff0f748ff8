"""Points of the trade-off between size, cost, latency and accuracy."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError

CONFIG, BASELINE = "configs/yolo11_mnv1_m.py", "configs/yolo11_m.py"
SCALES = ("m", "s", "n")
ALPHAS = (1.0, 0.75, 0.5, 0.25)  # MobileNets, table 6
RHOS = (1.0, 6 / 7, 5 / 7, 4 / 7)  # table 7: 224, 192, 160, 128


class Variant(NamedTuple):
    """A point of the sweep.

    Args:
        config (str): File it is derived from.
        scale (str): One of n, s, m, l, x.
        alpha (float, optional): Width multiplier; None for YOLO11's own backbone.
        rho (float): Resolution multiplier.
    """

    config: str
    scale: str
    alpha: float | None
    rho: float

    @property
    def name(self) -> str:
        """As configs are named: ``yolo11_mnv1_m_a075_r080``."""
        family = "yolo11" if self.alpha is None else "yolo11_mnv1"
        width = "" if self.alpha in (None, 1) else f"_a{round(100 * self.alpha):03}"
        size = "" if self.rho == 1 else f"_r{round(100 * self.rho):03}"
        return f"{family}_{self.scale}{width}{size}"

    def options(self, options: dict) -> dict:
        """By which its config is changed, after others."""
        changed = {**options, "model.scale": self.scale, "rho": self.rho}
        if self.alpha is not None:
            changed["model.backbone.alpha"] = self.alpha
        return changed


def variants(
    scales: Sequence[str] = SCALES,
    alphas: Sequence[float] = ALPHAS,
    rhos: Sequence[float] = RHOS,
    config: str = CONFIG,
    baseline: str = BASELINE,
) -> list[Variant]:
    """The points: the baseline's scales and sizes, then MobileNetV1's, by width too.

    Args:
        scales (Sequence[str]): Defaults to m, s and n.
        alphas (Sequence[float]): Defaults to the paper's.
        rhos (Sequence[float]): Defaults to the paper's.
        config (str): With MobileNetV1. Defaults to :data:`CONFIG`.
        baseline (str): With YOLO11's own backbone. Defaults to :data:`BASELINE`.
    """
    widths = [(baseline, None), *((config, alpha) for alpha in alphas)]
    return [
        Variant(file, scale, alpha, rho)
        for file, alpha in widths
        for scale in scales
        for rho in rhos
    ]


def pareto_front(costs: Sequence[float], values: Sequence[float]) -> list[int]:
    """Points that none other beats: none costs as little and is worth as much.

    Args:
        costs (Sequence[float]): Less is better.
        values (Sequence[float]): More is better.

    Returns:
        list[int]: Their numbers, the cheapest first. Of equal points each is there.
    """
    pairs = list(zip(costs, values, strict=True))
    order = sorted(range(len(pairs)), key=lambda i: (pairs[i][0], -pairs[i][1]))
    front: list[int] = []
    for i in order:
        if (
            not front
            or pairs[i][1] > pairs[front[-1]][1]
            or pairs[i] == pairs[front[-1]]
        ):
            front.append(i)
    return front


def read_results(path: Path | None, points: Sequence[Variant]) -> dict[str, float]:
    """mAP by variant.

    Args:
        path (Path, optional): JSON object of names and numbers from 0 to 1; None for
            none.
        points (Sequence[Variant]): Those there are.

    Raises:
        InputError: If the file is another thing, or names what there is not.
    """
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text())
        wrong = [name for name, v in found.items() if not 0 <= v <= 1]
    except (OSError, ValueError, AttributeError, TypeError) as e:
        raise InputError(
            f'--results {path}: {e}: give a JSON object such as {{"yolo11_m": 0.5}}'
        ) from None
    wrong += sorted(set(found) - {point.name for point in points})
    if wrong:
        raise InputError(
            f"--results {path}: {', '.join(wrong)}: not among the variants, or not "
            "from 0 to 1"
        )
    return found

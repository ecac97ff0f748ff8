"""Training speed with several processes against one."""

import pytest

from benchmarks.training.benchmark_ddp import DDPPlan, benchmark_ddp
from mmyolo_mnv1.errors import InputError

pytestmark = pytest.mark.train


def test_measures_each_number_of_processes(root):
    options = {"img_scale": (64, 64), "train_dataloader.batch_size": 2}
    plan = DDPPlan(processes=(1, 2), rounds=1, iterations=2, warmup=1)
    config = str(root / "configs/yolo11_mnv1_n_digits.py")
    one, two = benchmark_ddp(config, plan, options).rows
    assert (one["processes"], two["processes"]) == (1, 2)
    assert one["speedup"] == 1
    for row in (one, two):
        ((first, second),) = row["iteration_ms_all"]
        median = (first + second) / 2
        assert row["iteration_ms"] == pytest.approx(median, abs=0.1)
        images = 2000 * row["processes"] / median
        assert row["images_per_second"] == pytest.approx(images, rel=0.01)
    expected = two["images_per_second"] / one["images_per_second"]
    assert two["speedup"] == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (DDPPlan(rounds=0), "--rounds 0: give 1"),
        (DDPPlan(iterations=0), "--iterations 0"),
        (DDPPlan(warmup=-1), "--warmup -1"),
        (DDPPlan(processes=(1, 4096)), "--processes 4096: give 1 to the number"),
    ],
)
def test_bad_plans(plan, words):
    with pytest.raises(InputError, match=words):
        benchmark_ddp("unread.py", plan)


def test_failed_training_is_reported(root):
    config = str(root / "configs/yolo11_mnv1_n_digits.py")
    options = {"img_scale": (64, 64), "model.scale": "z"}
    plan = DDPPlan(processes=(1,), rounds=1, iterations=1, warmup=0)
    with pytest.raises(InputError, match="model.scale is 'z'"):
        benchmark_ddp(config, plan, options)

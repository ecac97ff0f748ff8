"""Runner, training loop, hooks and optimizer wrappers."""

from .accumulation import SumAmpOptimWrapper, SumOptimWrapper
from .bf16 import BF16OptimWrapper
from .checkpoint_hook import SafeCheckpointHook
from .distillation import DistilledYOLO11Detector
from .ema_hook import ForeachMomentumEMA, UpdateEMAHook
from .loop import ResumableEpochLoop
from .nan_guard_hook import NanGuardHook
from .optim_constructor import GroupedOptimWrapperConstructor
from .pipeline_switch_hook import InnerPipelineSwitchHook
from .progress_hook import ProgressHook
from .runner import YOLO11Runner
from .seed_hook import EpochSeedHook
from .sync_hook import SyncStatisticsHook

__all__ = [
    "BF16OptimWrapper",
    "DistilledYOLO11Detector",
    "EpochSeedHook",
    "ForeachMomentumEMA",
    "GroupedOptimWrapperConstructor",
    "InnerPipelineSwitchHook",
    "NanGuardHook",
    "ProgressHook",
    "ResumableEpochLoop",
    "SafeCheckpointHook",
    "SumAmpOptimWrapper",
    "SumOptimWrapper",
    "SyncStatisticsHook",
    "UpdateEMAHook",
    "YOLO11Runner",
]

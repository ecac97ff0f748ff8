"""Batches in reused memory that the workers and the training process share.

PyTorch creates a file in /dev/shm for each batch, and the kernel clears its pages on
first access in the worker and in the reader. Here the same pages serve one batch after
another, and /dev/shm, which is small in containers, is not used.
"""

import mmap
import multiprocessing
import os
import weakref
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

#: Bound in bytes; the kernel provides only the pages that batches in flight need.
MAX_BYTES = 2_000_000_000
#: Maximum number of batches in flight: prefetch_factor for each worker, and a few.
MAX_SLOTS = 256
#: Seconds to wait for the lock, which a killed worker may hold for ever.
PATIENCE = 1.0


class SharedBatches:
    """Slots for batches, each of the size of the first batch.

    Create it before the workers are forked.

    Args:
        max_bytes (int): Size of all slots together. Defaults to 2e9.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._arena = mmap.mmap(-1, max_bytes)
        state = mmap.mmap(-1, 8 * (MAX_SLOTS + 1))
        # The size of a slot in bytes, then for each slot whether it is taken.
        self._state = np.frombuffer(state, np.int64)
        self._lock = multiprocessing.Lock()

    def take(self, count: int) -> int | None:
        """Take a slot for ``count`` bytes; None if none is free or large enough."""
        if not self._lock.acquire(timeout=PATIENCE):
            return None
        try:
            size = int(self._state[0]) or count
            slots = min(len(self._arena) // size, MAX_SLOTS)
            free = np.flatnonzero(self._state[1 : slots + 1] == 0)
            if count > size or not len(free):
                return None
            self._state[0] = size
            self._state[1 + free[0]] = 1
            return int(free[0])
        finally:
            self._lock.release()

    def release(self, slot: int) -> None:
        """Mark a slot as free. One aligned write: it needs no lock."""
        self._state[1 + slot] = 0

    def array(self, slot: int, shape: Sequence[int]) -> np.ndarray:
        """View of a slot as a uint8 array of a shape."""
        offset = slot * int(self._state[0])
        count = int(np.prod(shape))
        return np.frombuffer(self._arena, np.uint8, count, offset).reshape(shape)


class SharedBatch:
    """Reference to a batch in a slot; unpickled in the training process as a tensor.

    The slot is released when that tensor and all its views are deleted.

    Args:
        slot (int): The slot.
        shape (tuple[int, ...]): (N, H, W, 3).
    """

    def __init__(self, slot: int, shape: tuple[int, ...]) -> None:
        self.slot = slot
        self.shape = shape

    def __reduce__(self) -> tuple:
        return _receive, (self.slot, self.shape)


_is_registered = False
_shared: SharedBatches | None = None


def share_batches() -> None:
    """Register that workers of this process shall put batches into shared slots."""
    global _is_registered
    _is_registered = True


def allocate() -> None:
    """Map the slots if they are registered and not mapped."""
    global _shared
    if _is_registered and _shared is None:
        _shared = SharedBatches()


def stack_images(images: Sequence[np.ndarray]) -> Tensor | SharedBatch:
    """Stack images to a batch, in a shared slot if this process is a worker.

    Args:
        images (Sequence[np.ndarray]): Each (H, W, 3), uint8.

    Returns:
        Tensor or SharedBatch: (N, 3, H, W), channels last; in a worker a
        :class:`SharedBatch`, which the training process receives as such a tensor.
    """
    shape = (len(images), *images[0].shape)
    in_worker = torch.utils.data.get_worker_info() is not None
    slot = _shared.take(int(np.prod(shape))) if in_worker and _shared else None
    if slot is None:
        return _channels_first(np.stack(images))
    np.stack(images, out=_shared.array(slot, shape))
    return SharedBatch(slot, shape)


def _receive(slot: int, shape: tuple[int, ...]) -> Tensor:
    array = _shared.array(slot, shape)
    weakref.finalize(array, _release, os.getpid(), slot).atexit = False
    return _channels_first(array)


def _release(process: int, slot: int) -> None:
    """Release a slot in the process that received it, not in a fork of that process."""
    if process == os.getpid():
        _shared.release(slot)


def _channels_first(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array).permute(0, 3, 1, 2)

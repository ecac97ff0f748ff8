"""Save and restore a thread's alternate signal stack, which OpenVINO replaces."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

LARGEST_STACK_T = 64  # bytes; struct stack_t has 24 on 64-bit Linux and macOS


@contextmanager
def keep_signal_stack() -> Iterator[None]:
    """Save the alternate signal stack (``man 2 sigaltstack``); restore it on exit.

    OpenVINO's CPU plugin installs its own stack in the constructor. Its destructor
    unmaps that stack and restores the previous one without checking that this is still
    mapped. If two models are deleted, the older one first, the thread keeps an unmapped
    stack, and the next signal, such as Ctrl-C, causes a segmentation fault. A plugin
    whose stack is not the current one only unmaps it (OpenVINO 2026.4,
    ``SigAltStackSetup`` in ``src/plugins/intel_cpu/src/sigstack_manager.cpp``).
    """
    if os.name != "posix":
        yield
        return
    libc = ctypes.CDLL(None)
    before = ctypes.create_string_buffer(LARGEST_STACK_T)
    libc.sigaltstack(None, before)
    try:
        yield
    finally:
        libc.sigaltstack(before, None)

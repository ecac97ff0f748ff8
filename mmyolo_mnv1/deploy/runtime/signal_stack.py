"""Alternate signal stack of the calling thread, kept while OpenVINO loads a model."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

LARGEST_STACK_T = 64  # bytes; struct stack_t has 24 on 64-bit Linux and macOS


@contextmanager
def keep_signal_stack() -> Iterator[None]:
    """Restore the thread's alternate signal stack (``man 2 sigaltstack``) at the end.

    OpenVINO's CPU plugin sets a stack of its own when it is created. When it is
    destroyed, it unmaps that stack and sets the one before, without a check that it is
    still mapped: after two models that end in the order of their creation, the next
    signal, Ctrl-C for instance, is a segmentation fault. A plugin whose stack is no
    longer the current one only unmaps it (OpenVINO 2026.4, ``SigAltStackSetup`` in
    ``src/plugins/intel_cpu/src/sigstack_manager.cpp``).
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

"""How the C library hands memory out."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's malloc.h


def keep_freed_memory() -> None:
    """Have glibc keep freed memory, as jemalloc and tcmalloc do.

    By default it may hand large blocks back to the system in every iteration, and get
    them again page by page. Whether it does is chance, a matter of what lies where; for
    YOLO11m at 640 px in PyTorch it is 0 or 20 ms and more of 170. Processes that are
    forked later do the same. Another C library is left alone.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, -1)

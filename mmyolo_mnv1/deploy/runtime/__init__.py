"""Runtime of exported models, in NumPy and OpenCV."""

from ...errors import InputError

try:
    import cv2  # noqa: F401
except ImportError as e:
    raise InputError(
        f"OpenCV cannot be imported ({e}): pip install opencv-python-headless, or "
        "opencv-python for predict.py --show"
    ) from None

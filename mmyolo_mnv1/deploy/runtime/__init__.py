"""Detection with exported models, in NumPy and OpenCV."""

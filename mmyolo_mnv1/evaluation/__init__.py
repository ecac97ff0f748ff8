"""Evaluation of detections: COCO metrics, kinds of errors, a report."""

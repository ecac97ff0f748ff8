"""Time from image files to boxes, against Ultralytics and in INT8."""

"""Conversion and generation of COCO annotations, without torch and OpenMMLab."""

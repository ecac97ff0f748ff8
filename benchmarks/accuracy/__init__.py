"""Trainings side by side: mAP by epoch and by training time."""

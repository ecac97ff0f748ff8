"""Checks and set-up of the environment: doctor, mmyolo's guard, torchrun."""

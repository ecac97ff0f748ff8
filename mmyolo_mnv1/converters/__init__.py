"""Conversion of other projects' weights, by tensor names."""

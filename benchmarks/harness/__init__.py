"""Processes that measure, and what the benchmarks need of other projects."""

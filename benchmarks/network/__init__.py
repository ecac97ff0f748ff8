"""Latency of networks against those of other projects."""

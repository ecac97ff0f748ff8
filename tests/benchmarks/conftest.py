"""Fixture that skips where Ultralytics is not installed."""

import pytest


@pytest.fixture
def ultralytics(tmp_path, monkeypatch):
    """Ultralytics, with its settings in a temporary folder."""
    pytest.importorskip("ultralytics", reason="Ultralytics is not installed")
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path / "settings"))

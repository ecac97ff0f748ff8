"""Pytest plugin: with ``CI=true`` a skipped test fails the run.

Skips for want of a CUDA device or of tensorflow are allowed; the regular expression
in ``ALLOWED_SKIPS``, searched in a skip's reason, allows more.
"""

import os
import re

import pytest

ALLOWED = re.compile("CUDA|tensorflow")


class SkipGate:
    """Collect skipped tests; list them and fail the run if any is not allowed."""

    def __init__(self, extra: str | None = None) -> None:
        self.extra = extra
        self.refused: list[tuple[str, str]] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.refused and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        if self.refused:
            terminalreporter.section("skipped, which CI does not allow", red=True)
            for test, reason in self.refused:
                terminalreporter.write_line(f"{test}: {reason}")

    def _note(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if ALLOWED.search(reason):
            return
        if not (self.extra and re.search(self.extra, reason)):
            self.refused.append((report.nodeid, reason))


def pytest_configure(config: pytest.Config) -> None:
    """Register the gate where the environment says that this is CI."""
    if os.environ.get("CI") == "true":
        gate = SkipGate(os.environ.get("ALLOWED_SKIPS"))
        config.pluginmanager.register(gate, "skip-gate")

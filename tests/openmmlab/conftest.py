"""A small training of the demo's config, for the stock tools."""

import pytest

from tests.openmmlab.workbench import Workbench


@pytest.fixture(scope="session")
def bench(root, digits, tmp_path_factory) -> Workbench:
    return Workbench(root, digits, tmp_path_factory.mktemp("stock"))

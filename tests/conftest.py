"""What all tests share."""

import hypothesis
import pytest

import pyspikenet as psn

hypothesis.settings.register_profile("pyspikenet", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("pyspikenet")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run long statistics, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="long statistics; run with --slow"))


@pytest.fixture
def triangle() -> psn.Network:
    """The three neurons of the reference values: 0 -> 1 w 2, 1 -> 2 w -1.5, 2 -> 0 w 0.5."""
    return psn.Network.from_edges(pre=[0, 1, 2], post=[1, 2, 0], weight=[2.0, -1.5, 0.5])


@pytest.fixture(scope="session")
def dale() -> psn.Network:
    """A network of 100 neurons with as many synapses as Dale's law leaves."""
    return psn.Network.normal(n=100, std=5.0, glorot=True, seed=1)

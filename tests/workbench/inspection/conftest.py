"""A session on a small trained network, closed at the end."""

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from tests.workbench.inspection.inspected import FakeModel
from workbench.inspection.session import InspectionSession


@pytest.fixture
def session(qtbot: QtBot) -> Iterator[InspectionSession]:
    """Without a run."""
    made = InspectionSession(model=FakeModel())
    yield made
    made.close()


@pytest.fixture
def network():
    """The network that the session looks into."""
    from tests.workbench.inspection.inspected import trained_run

    return FakeModel().network(trained_run())

"""Numbers in tables stand right, words left."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTableWidget, QTableWidgetItem

from workbench.panels.row_tables import align_number


@pytest.mark.parametrize(
    ("text", "is_number"),
    [
        ("96.70 %", True),
        ("96.32 % (epoch 3)", True),
        ("-0.5", True),
        ("−0.5", True),
        ("3.5e-08", True),
        ("1,090 ms", True),
        ("1:05", True),
        ("mnist-sample", False),
        ("2 layers changed", False),
        ("", False),
    ],
)
def test_that_numbers_stand_right_with_their_heading_and_words_left(
    qtbot, text: str, is_number: bool
) -> None:
    table = QTableWidget(1, 1)
    qtbot.addWidget(table)
    table.setHorizontalHeaderLabels(["Heading"])
    item = QTableWidgetItem(text)
    table.setItem(0, 0, item)
    align_number(item)
    right = Qt.AlignmentFlag.AlignRight
    for each in (item, table.horizontalHeaderItem(0)):
        assert bool(Qt.AlignmentFlag(each.textAlignment()) & right) == is_number

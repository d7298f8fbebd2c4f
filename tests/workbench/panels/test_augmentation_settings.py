"""The recipe's filters and augmentation in the training dock, and the remark where it makes no sense."""

from PySide6.QtCore import Qt


def test_that_augmentation_is_folded_away_and_set_by_mouse_and_keyboard(qtbot, window):
    window.files.new_from("cifar10-model-a")
    window.docks.show("data")
    panel = window.data.panel.settings
    assert panel.augmentation_form.isHidden()
    qtbot.mouseClick(panel.augmentation, Qt.MouseButton.LeftButton)
    assert not panel.augmentation_form.isHidden()
    editors = panel.augmentation_form.editors
    qtbot.keyClick(editors["mirror"].check, Qt.Key.Key_Space)
    assert window.document.project.data.mirror
    assert not any("mirrored" in hint.message for hint in window.document.inference.hints)
    window.document.undo_stack.undo()
    assert not editors["mirror"].check.isChecked()


def test_that_a_mirror_for_digits_is_remarked_on_at_the_input(qtbot, window):
    window.files.new_from("mnist-sample")
    window.docks.show("data")
    panel = window.data.panel.settings
    qtbot.mouseClick(panel.augmentation, Qt.MouseButton.LeftButton)
    box = panel.augmentation_form.editors["mirror"].check
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Space)
    document = window.document
    (remark,) = (hint for hint in document.inference.hints if "mirrored 2" in hint.message)
    assert document.project.graph.nodes[remark.node].layer.type_name == "input"


def test_that_filters_change_the_shape_that_the_design_must_take(qtbot, window):
    window.files.new_from("cifar10-model-a")
    window.docks.show("data")
    panel, document = window.data.panel.settings, window.document
    qtbot.mouseClick(panel.filters, Qt.MouseButton.LeftButton)
    editors = panel.filters_form.editors
    assert not editors["gabor_wavelength"].isEnabled()
    combo = editors["filtering"].combo
    combo.setFocus()
    combo.setCurrentIndex(combo.findData("gabor"))
    combo.activated.emit(combo.currentIndex())
    assert document.project.data.filtering == "gabor"
    assert editors["gabor_wavelength"].isEnabled()
    assert document.data_shape.image == (7, 32, 32)
    (problem,) = document.inference.problems
    assert "7×32×32" in problem.message
    window.document.undo_stack.undo()
    assert not document.inference.problems

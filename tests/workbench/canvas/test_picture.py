import re
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QFileDialog

from engine.api import TEMPLATES, Project, edits
from workbench.canvas.picture import PictureError, save_network_picture

MNIST = TEMPLATES["mnist"].build()


def drawn(project: Project, path: Path) -> Path:
    save_network_picture(project, path)
    return path


def test_that_an_svg_holds_names_shapes_and_parameters_as_text(qapp, tmp_path: Path) -> None:
    text = drawn(MNIST, tmp_path / "network.svg").read_text(encoding="utf-8")
    words = [word.strip() for word in re.findall(r"<text[^>]*>([^<]*)</text>", text)]
    for node in MNIST.graph.nodes.values():
        assert words.count(node.name) == 1
    assert {"64 filters 5×5, padding 2", "64×14×14", "3,212,288 params", "1024×1×1"} <= set(words)
    assert "<title>MNIST</title>" in text
    assert "sans-serif" in text
    assert "<image" not in text


def test_that_the_svg_looks_like_the_png(qapp, tmp_path: Path) -> None:
    png = QImage(str(drawn(MNIST, tmp_path / "network.png")))
    renderer = QSvgRenderer(str(drawn(MNIST, tmp_path / "network.svg")))
    picture = QImage(png.size(), QImage.Format.Format_RGB32)
    picture.fill(QColor("white"))
    painter = QPainter(picture)
    renderer.render(painter)
    painter.end()
    small = [
        image.scaled(40, 26).convertToFormat(QImage.Format.Format_Grayscale8) for image in (png, picture)
    ]
    places = [(x, y) for x in range(40) for y in range(26)]
    far = [abs(small[0].pixelColor(*place).value() - small[1].pixelColor(*place).value()) for place in places]
    assert sum(far) / len(far) < 6
    assert png.width() > 2000
    assert png.pixelColor(0, 0) == QColor("white")


def test_that_a_pdf_has_one_page_of_the_network_s_size_and_embeds_its_fonts(qapp, tmp_path: Path) -> None:
    content = drawn(MNIST, tmp_path / "network.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert content.count(b"/Type /Page\n") == 1
    assert b"/FontFile" in content
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", content)
    assert box is not None
    assert float(box[1]) / float(box[2]) == pytest.approx(407 / 271, rel=0.02)


def test_that_a_network_with_a_problem_is_drawn_too(qapp, tmp_path: Path) -> None:
    graph = edits.set_settings(MNIST.graph, "max_pooling-2", size=30)
    text = drawn(Project(graph, MNIST.layout), tmp_path / "network.svg").read_text(encoding="utf-8")
    assert "waiting for Max pooling 2" in text


@pytest.mark.parametrize(
    ("name", "reason"), [("network.jpg", ".svg, .png, .pdf"), ("no/network.svg", "does not exist")]
)
def test_that_a_wrong_name_or_folder_is_told(qapp, tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(PictureError, match=reason):
        save_network_picture(MNIST, tmp_path / name)


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_that_a_target_that_cannot_be_written_is_told(qapp, tmp_path: Path, ending: str) -> None:
    folder = tmp_path / f"folder.{ending}"
    folder.mkdir()
    with pytest.raises(PictureError, match="could not be written"):
        save_network_picture(MNIST, folder)


def test_that_an_empty_network_is_not_drawn(qapp, tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="empty"):
        save_network_picture(Project(), tmp_path / "network.svg")


def test_that_the_menu_exports_the_picture_and_adds_the_ending_of_its_kind(
    monkeypatch, window, tmp_path: Path
) -> None:
    window.files.new_from("mnist")
    chosen = (str(tmp_path / "my network"), "PDF document (*.pdf)")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: chosen)
    before = window.document.project
    window.menus.picture.trigger()
    assert (tmp_path / "my network.pdf").read_bytes().startswith(b"%PDF")
    assert window.document.project is before
    assert not window.document.is_modified
    window.files.new()
    window.menus.picture.trigger()
    assert "empty" in window.messages.text

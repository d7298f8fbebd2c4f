"""The report of a run: one file, nothing outside it, the numbers of the run."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog

from engine.api import (
    HISTORY_COLUMNS,
    Evaluated,
    Project,
    Run,
    SettingChanged,
    Snapshot,
    best_epoch,
    edits,
    example_path,
    load_project,
    save_project,
)
from tests.engine.inspection.trained_networks import graph
from workbench.report import write_html_report
from workbench.report.adaptive import adaptive, declarations
from workbench.report.facts import all_runs

CONFUSION = np.array([[8, 1, 0], [2, 9, 0], [0, 0, 0]], dtype=np.int64)


def run_of(number: int, **settings: object) -> Run:
    project = Project(graph=graph(), name="Cats & <dogs>")
    random = np.random.default_rng(number)
    return Run(
        f"r{number}",
        replace(project, training=msgspec.structs.replace(project.training, **settings)),
        "2026-11-25T08:00:00+00:00",
        device="cpu: CPU, 2 threads",
        threads=2,
        steps_per_epoch=4,
        class_names=("cat", "dog", "frog"),
        implementations={"Convolution 1: convolution": "Winograd"},
        seconds=65.0,
        status="finished",
        message="Finished 3 epochs: test accuracy 77.27 %.",
        history={name: random.random(12) for name in HISTORY_COLUMNS},
        snapshots=(Snapshot(f"r{number}", 12, random.normal(size=(4, 1, 3, 3)), "convolution-1", CONFUSION),),
        evaluations=(Evaluated(f"r{number}", 12, "test", 0.4, 17 / 22, CONFUSION),),
        notes="Learns <quickly> & well",
    )


class Page(HTMLParser):
    """Tables as rows of cells, headings, all text outside of pictures, and every address that is named."""

    VOID = frozenset({"meta", "br", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.headings: list[str] = []
        self.words = ""
        self.pictures: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag in ("h1", "h2"):
            self.headings.append("")
        values = dict(attributes)
        if tag == "svg":
            self.pictures.append(values["aria-label"])
        self.addresses += [value for name, value in attributes if name in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"style", "svg"} & set(self.open):
            return
        self.words += data
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings[-1] += data


@pytest.fixture
def text(qapp, tmp_path) -> str:
    runs = (run_of(1), run_of(2, learning_rate=0.01))
    write_html_report(runs[1], runs, tmp_path / "report.html")
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_that_the_page_is_whole_and_names_nothing_outside_itself(text):
    page = Page(text)
    assert page.open == []
    assert all(address.startswith(("data:image/png", "#")) for address in page.addresses)
    outside = {found for found in re.findall(r"https?://[^\"'\s<)]+", text) if "w3.org" not in found}
    assert outside == set()
    assert "<script" not in text
    assert "@import" not in text
    assert "url(" not in re.sub(r"url\(#", "", text)


def test_that_the_page_tells_results_classes_settings_and_machine(text):
    page = Page(text)
    assert page.headings[0] == "Cats & <dogs>"
    assert "Learns <quickly> & well" in page.words
    assert "77.27 %" in page.words
    assert ["Test accuracy, whole set", "77.27 %"] in page.rows
    # Precision by rows (predictions), recall by columns (true classes).
    assert ["cat", "10", "88.9 %", "80.0 %", "dog (2)"] in page.rows
    assert ["dog", "10", "81.8 %", "90.0 %", "cat (1)"] in page.rows
    assert ["frog", "0", "–", "–", "–"] in page.rows
    assert ["Learning rate", "0.01"] in page.rows
    assert ["Device", "CPU, 2 threads"] in page.rows
    assert ["Convolution 1: convolution", "Winograd"] in page.rows
    assert any(row[0] == "Convolution 1" and "filters 4" in row[1] for row in page.rows)
    assert ["Began", "2026-11-25 08:00:00 UTC"] in page.rows


def test_that_settings_which_played_no_part_are_left_out(qapp, tmp_path):
    def told(**settings: object) -> set[str]:
        runs = (run_of(1, **settings),)
        write_html_report(runs[0], runs, tmp_path / "report.html")
        return {row[0] for row in Page((tmp_path / "report.html").read_text(encoding="utf-8")).rows}

    constant, plateau = told(), told(schedule="plateau", optimizer="sgd")
    assert {"β₁", "β₂", "ε"} <= constant - plateau
    assert {"Drop after", "Drop to", "Momentum", "Nesterov"} <= plateau - constant
    assert "Left at the end" not in constant | plateau


def test_that_the_page_tells_in_what_the_run_differs(text):
    page = Page(text)
    assert ["Learning rate", "0.001", "0.01"] in page.rows
    assert "the run before it" in page.words
    assert "0.001" in re.search(r'<td class="mark">([^<]*)</td>', text).group(1)


def test_that_the_table_of_runs_tells_other_designs_and_preparation():
    first, second = run_of(1), run_of(2)
    project = replace(
        second.project,
        graph=edits.set_settings(second.project.graph, "convolution-1", filters=6),
        data=msgspec.structs.replace(second.project.data, mirror=True),
    )
    table = all_runs(first, (first, replace(second, project=project)))
    assert table is not None
    told = dict(zip(table.header, table.rows[1], strict=True))
    assert (told["Design"], told["Preparation"]) == ("Convolution 1: filters 4 → 6", "mirror on")


def test_that_a_fork_is_compared_with_its_parent(qapp, tmp_path):
    runs = (run_of(1), run_of(2), replace(run_of(3, seed=9), parent="r1"))
    write_html_report(runs[2], runs, tmp_path / "report.html")
    words = Page((tmp_path / "report.html").read_text(encoding="utf-8")).words
    assert "Run 1, the run that it was forked from at step 0" in words


def test_that_what_was_changed_while_training_is_told_and_marked(qapp, tmp_path):
    change = SettingChanged("r1", 6, "", "learning_rate", 0.001, 0.0005, 4)
    run = replace(run_of(1), changes=(change,))
    write_html_report(run, (run,), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ["6", "Learning rate", "0.001", "0.0005"] in Page(text).rows
    assert "learning rate 0.0005" in re.sub(r"<[^>]*>", "", text)


def test_that_every_picture_is_there_once_for_light_and_dark(text):
    page = Page(text)
    assert page.pictures == [
        "Loss of each step", "Accuracy of each step", "Confusion matrix", "First-layer filters", "The network",
    ]  # fmt: skip
    used = set(re.findall(r"var\((--c[^)]*)\)", text))
    assert len(used) > 10
    light, dark = text.split("@media screen and (prefers-color-scheme:dark)")
    assert all(f"{name}:" in light and f"{name}:" in dark for name in used)


def test_that_the_curve_marks_the_epoch_that_the_page_calls_the_best(qapp, tmp_path):
    for number in range(1, 5):
        run = run_of(number)
        write_html_report(run, (run,), tmp_path / "report.html")
        words = re.sub(r"<[^>]*>", "", (tmp_path / "report.html").read_text(encoding="utf-8"))
        best = best_epoch(run)
        assert f"Best validation, epoch {best.epoch}" in words
        assert f"best epoch {best.epoch}" in words


def test_that_a_run_that_learned_nothing_yet_is_reported_too(qapp, tmp_path):
    run = Run("r", Project(), "2026", status="failed", message="The device is gone.")
    write_html_report(run, (run,), tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "The device is gone." in page.words
    assert page.pictures == []


def test_that_colours_that_differ_become_variables():
    drawn = '<g fill="#ffffff" fill-opacity="0.1"/>'
    light = f'<?xml?><svg width="9mm" height="9mm" viewBox="0 0 9 9"><title>t</title>{drawn}</svg>'
    dark = light.replace("#ffffff", "#000000").replace("0.1", "0.5")
    joined = adaptive(light, dark, "A square")
    assert 'fill="var(--cffffff-000000)"' in joined.svg
    assert 'aria-label="A square"' in joined.svg
    assert 'width="9mm"' not in joined.svg
    assert sorted(declarations(joined.colors, dark=True).split(";")) == [
        "", "--c01-05:0.5", "--cffffff-000000:#000000",
    ]  # fmt: skip


def test_that_pictures_that_differ_in_more_than_colours_are_both_kept():
    joined = adaptive('<svg width="1" height="1"><a/></svg>', '<svg width="1" height="1"><b/></svg>', "x")
    assert 'class="on-light"' in joined.svg
    assert 'class="on-dark"' in joined.svg


def test_that_the_window_reports_the_selected_run(qtbot, window, monkeypatch, tmp_path):
    runs = (run_of(1), replace(run_of(2), name="second"))
    window.document.load(runs[0].project, runs)
    window.docks.show("runs")
    qtbot.waitUntil(window.inspection.runs.isVisible)
    window.inspection.runs.table.selectRow(0)
    target = tmp_path / "mine"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    action = next(action for name, action in window.menus.all_commands() if action.text() == "&Write report…")
    action.trigger()
    assert "Run 1 ·" in Page((tmp_path / "mine.html").read_text(encoding="utf-8")).words
    assert window.messages.text == "Wrote mine.html."
    assert [button.text() for button in window.messages.buttons] == ["Open it"]
    window.inspection.runs.table.clearSelection()
    action.trigger()
    assert "second ·" in Page((tmp_path / "mine.html").read_text(encoding="utf-8")).words


def test_that_the_window_tells_when_there_is_no_run_or_no_place(window, monkeypatch, tmp_path):
    window.reports.action.trigger()
    assert window.messages.text.startswith("There is no run to report yet")
    window.document.load(run_of(1).project, (run_of(1),))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "r.html"), ""))
    window.reports.action.trigger()
    assert "could not be written" in window.messages.text


def test_that_the_command_writes_a_report_beside_the_file(qapp, tmp_path, capsys):
    from workbench.commands.html_report import html_report

    file = tmp_path / "cats.netproj"
    save_project(
        file, load_project(example_path("mnist-sample")).project, (run_of(1), replace(run_of(2), name="b"))
    )
    assert html_report(file, "b", None) == 0
    assert "b ·" in Page((tmp_path / "cats.html").read_text(encoding="utf-8")).words
    assert html_report(file, "1", str(tmp_path / "one.html")) == 0
    assert Path(tmp_path / "one.html").is_file()
    with pytest.raises(Exception, match=r"no run “x”; it holds 1 [(]Run 1[)]"):
        html_report(file, "x", None)

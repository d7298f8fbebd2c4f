"""`gabor reproduce`, driven as a user does, on the sample of MNIST written as the official files."""

import gzip
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QImage

from engine.api import EXPERIMENTS, ResultFolder, SeedOrder, load_dataset, train_seed
from workbench.commands.device_workers import OrderDone, OrderFailed, Worker, work_off
from workbench.commands.thesis_page import thesis_page

ROOT = Path(__file__).parents[2]


def reproduce(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DISPLAY", "QT_QPA_PLATFORM")
    }
    command = [sys.executable, "-m", "workbench", "reproduce", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment | variables, capture_output=True, text=True)


@pytest.fixture(scope="module")
def small_mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with MNIST's four files, of which each holds a tenth of the sample."""
    data, folder = load_dataset("mnist-sample"), tmp_path_factory.mktemp("data")
    (folder / "mnist").mkdir()
    for stem, images, labels in (
        ("train", data.train_images[::10], data.train_labels[::10]),
        ("t10k", data.test_images[::10], data.test_labels[::10]),
    ):
        for name, array in (
            (f"{stem}-images-idx3-ubyte", images[..., 0]),
            (f"{stem}-labels-idx1-ubyte", labels),
        ):
            head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            content = head + array.astype(np.uint8).tobytes()
            (folder / "mnist" / f"{name}.gz").write_bytes(gzip.compress(content))
    return folder


@pytest.fixture(scope="module")
def reproduction(small_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reproduction")
    done = reproduce(
        "mnist", "--seeds", 2, "--epochs", 1, "--data", small_mnist, "--device", "cpu", "--out", out
    )
    assert done.returncode == 0, done.stderr
    return out


def test_that_every_seed_leaves_its_numbers_and_arrays(reproduction: Path):
    first, second = ResultFolder(reproduction).results("mnist")
    assert (first.seed, second.seed) == (1, 2)
    assert first.test_accuracy != second.test_accuracy or first.test_loss != second.test_loss
    assert first.parameters == 3_274_634
    assert np.sum(first.confusion) == 100
    assert first.test_accuracy == pytest.approx(np.trace(first.confusion) / 100)
    assert {part: sum(counts) for part, counts in first.histograms.items()} == {
        "training": 375, "validation": 125, "test": 100,
    }  # fmt: skip
    assert [node.units for node in first.units] == [32, 64, 1024]
    assert first.filters is not None
    arrays = ResultFolder(reproduction).arrays("mnist", 1)
    assert len(arrays["train_total"]) == first.steps == 3
    assert arrays["filters"].shape == (32, 1, 5, 5)


def test_that_all_figures_of_the_network_are_drawn(reproduction: Path):
    names = {path.name for path in (reproduction / "figures").iterdir()}
    figures = ("loss", "normalised-loss", "accuracy", "filters", "confusion-matrix", "class-histogram")
    assert names == {f"mnist-{figure}.png" for figure in figures}
    for name in names:
        assert not QImage(str(reproduction / "figures" / name)).isNull()


def test_that_the_page_tells_thesis_and_gabor_and_links_existing_figures(reproduction: Path):
    page = (reproduction / "thesis.md").read_text(encoding="utf-8")
    accuracy = np.mean([result.test_accuracy for result in ResultFolder(reproduction).results("mnist")])
    assert f"| MNIST | 97.31 % | {100 * accuracy:.2f} % |" in page
    links = [line.split("](")[1].rstrip(")") for line in page.splitlines() if line.startswith("![")]
    assert links
    assert all((reproduction / link).is_file() for link in links)


def test_that_a_done_seed_is_not_trained_again(small_mnist: Path, reproduction: Path):
    folder = reproduction / "mnist"
    before = (folder / "seed-1.npz").stat().st_mtime_ns
    (folder / "seed-2.json").unlink()  # as if the program had died before it was done
    arguments = ("mnist", "--seeds", 2, "--epochs", 1, "--data", small_mnist, "--device", "cpu")
    again = reproduce(*arguments, "--out", reproduction, "--json", "-")
    assert again.returncode == 0, again.stderr
    assert "1 of 2 trainings are done already" in again.stderr
    assert (folder / "seed-1.npz").stat().st_mtime_ns == before
    assert (folder / "seed-2.json").is_file()
    told = json.loads(again.stdout)["mnist"]
    assert told["thesis"] == 0.9731
    assert len(told["test_accuracies"]) == 2


def test_that_other_settings_are_refused_in_the_same_folder(small_mnist: Path, reproduction: Path):
    other = reproduce("mnist", "--epochs", 2, "--data", small_mnist, "--device", "cpu", "--out", reproduction)
    assert other.returncode == 1
    assert "epochs 1 instead of 2" in other.stderr
    assert len(other.stderr.strip().splitlines()) == 1


def test_that_missing_data_is_told_in_a_sentence(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    failed = reproduce(
        "model-a", "--seeds", 1, "--data", tmp_path / "empty", "--device", "cpu", "--out", tmp_path / "out",
        GABOR_DATA_DIR="", XDG_DATA_HOME=str(tmp_path / "nothing"),
    )  # fmt: skip
    assert failed.returncode == 1
    assert "CIFAR-10" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_that_unknown_names_are_wrong_usage(tmp_path: Path):
    wrong = reproduce("model-d", "--out", tmp_path)
    assert wrong.returncode == 2
    assert "model-d" in wrong.stderr


def test_that_a_page_without_results_says_so():
    assert "Nothing has been trained" in thesis_page({name: [] for name in EXPERIMENTS}, "figures")


def test_that_two_devices_share_the_seeds_and_are_used_at_once(small_mnist: Path, tmp_path: Path):
    orders = [SeedOrder("mnist", seed, tmp_path, small_mnist, epochs=1, steps=2) for seed in (1, 2, 3)]
    reports = work_off(orders, ("cpu", "cpu"), train_seed)
    first = next(reports)
    assert isinstance(first, OrderDone)
    # Both began before either was done; the third waits for one of them.
    assert first.order.seed in (1, 2)
    rest = [report for report in reports if isinstance(report, OrderDone)]
    assert {first.order.seed, *(report.order.seed for report in rest)} == {1, 2, 3}
    assert [result.seed for result in ResultFolder(tmp_path).results("mnist")] == [1, 2, 3]


def test_that_a_process_that_dies_fails_its_seed_and_is_replaced(small_mnist: Path, tmp_path: Path):
    worker = Worker("cpu", train_seed)
    try:
        worker.begin(SeedOrder("mnist", 1, tmp_path, small_mnist, epochs=200))
        worker._process.kill()
        report = worker.report()
        assert isinstance(report, OrderFailed)
        assert "ended unexpectedly" in report.message
        worker.begin(SeedOrder("mnist", 1, tmp_path, small_mnist, steps=1, epochs=1))
        assert not isinstance(worker.report(), OrderFailed)
    finally:
        worker.order = None
        worker.end()

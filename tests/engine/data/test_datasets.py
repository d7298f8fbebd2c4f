import gzip
import shutil
import tarfile
import threading

import numpy as np
import pytest

from engine.data import datasets
from engine.data.datasets import dataset_names, dataset_summary, load_dataset
from engine.errors import DataError


@pytest.fixture(autouse=True)
def no_other_data(monkeypatch, tmp_path_factory):
    """Neither this machine's data folders nor what earlier tests loaded."""
    monkeypatch.delenv("GABOR_DATA_DIR", raising=False)
    monkeypatch.setattr(
        datasets.platformdirs, "user_data_dir", lambda name: str(tmp_path_factory.mktemp("user") / name)
    )
    monkeypatch.setattr(datasets, "_CACHE", datasets._Cache())


def test_that_the_sample_is_there_without_any_folder():
    sample = load_dataset("mnist-sample")
    assert sample.train_images.shape == (5000, 28, 28, 1)
    assert sample.test_images.shape == (1000, 28, 28, 1)
    assert np.bincount(sample.train_labels).tolist() == [500] * 10
    assert np.bincount(sample.test_labels).tolist() == [100] * 10
    assert sample.class_names == tuple("0123456789")


def test_that_the_summary_of_the_sample_is_what_it_holds():
    sample, summary = load_dataset("mnist-sample"), dataset_summary("mnist-sample")
    assert summary.image_shape == sample.image_shape
    assert (summary.classes, summary.class_names) == (sample.classes, sample.class_names)
    assert (summary.train_count, summary.test_count) == (len(sample.train_labels), len(sample.test_labels))


def test_that_an_unknown_name_is_told_with_the_known_ones():
    for ask in (load_dataset, dataset_summary):
        with pytest.raises(DataError, match="“imagenet”: choose one of mnist-sample, mnist, cifar10"):
            ask("imagenet")
    assert dataset_names() == ("mnist-sample", "mnist", "cifar10", "fashion-mnist")


@pytest.mark.parametrize("place", ["", "mnist", "MNIST/raw"])
def test_that_mnist_is_found_by_the_names_of_its_files(mnist_folder, tmp_path, place):
    root = tmp_path / "data"
    shutil.copytree(mnist_folder, root / place)
    found = load_dataset("mnist", root)
    assert (len(found.train_labels), len(found.test_labels)) == (30, 20)


@pytest.mark.parametrize("place", ["", "cifar10", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin"])
def test_that_cifar10_is_found_unpacked(cifar10_folder, tmp_path, place):
    root = tmp_path / "data"
    shutil.copytree(cifar10_folder, root / place)
    assert load_dataset("cifar10", root).train_images.shape == (20, 32, 32, 3)


@pytest.mark.parametrize("place", ["", "cifar10"])
@pytest.mark.parametrize("name", ["cifar-10-binary.tar.gz", "cifar-10-binary.tar"])
def test_that_cifar10_is_found_as_archive(cifar10_folder, tmp_path, place, name):
    root = tmp_path / "data"
    (root / place).mkdir(parents=True)
    with tarfile.open(root / place / name, "w:gz") as archive:
        archive.add(cifar10_folder, arcname="cifar-10-batches-bin")
    assert load_dataset("cifar10", root).train_images.shape == (20, 32, 32, 3)
    assert load_dataset("cifar10", root / place / name).classes == 10


def test_that_the_given_folder_goes_before_the_variable_and_that_before_the_user_folder(
    mnist_folder, tmp_path, monkeypatch
):
    def with_digits(folder, count):
        shutil.copytree(mnist_folder, folder)
        for part, axes in (("images-idx3", (count, 28, 28)), ("labels-idx1", (count,))):
            header = b"\0\0\x08" + bytes([len(axes)]) + b"".join(size.to_bytes(4, "big") for size in axes)
            for path in folder.glob(f"t10k-{part}*"):
                path.unlink()
            (folder / f"t10k-{part}-ubyte").write_bytes(header + bytes(int(np.prod(axes))))
        return folder

    user = with_digits(tmp_path / "user" / "mnist", 1).parent
    variable, given = with_digits(tmp_path / "variable", 2), with_digits(tmp_path / "given", 3)
    monkeypatch.setattr(datasets.platformdirs, "user_data_dir", lambda name: str(user))
    assert len(load_dataset("mnist").test_labels) == 1
    monkeypatch.setenv("GABOR_DATA_DIR", str(variable))
    assert len(load_dataset("mnist").test_labels) == 2
    assert len(load_dataset("mnist", given).test_labels) == 3
    assert len(load_dataset("mnist", tmp_path / "nowhere").test_labels) == 2


@pytest.mark.parametrize(
    ("name", "files"),
    [("mnist", ["t10k-labels-idx1-ubyte.gz"]), ("cifar10", ["cifar-10-binary.tar.gz", "test_batch.bin"])],
)
def test_that_missing_files_are_told_with_names_places_and_the_next_step(tmp_path, monkeypatch, name, files):
    monkeypatch.setenv("GABOR_DATA_DIR", str(tmp_path / "variable"))
    with pytest.raises(DataError) as refusal:
        load_dataset(name, tmp_path / "given")
    for words in (*files, str(tmp_path / "given"), str(tmp_path / "variable"), "--data", "Data panel"):
        assert words in str(refusal.value)


@pytest.mark.parametrize("name", ["cifar-10-python.tar.gz", "cifar-10-batches-py"])
def test_that_pickles_are_refused_with_what_to_get_instead(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=r"pickles could run any program.*gabor fetch cifar10"):
        load_dataset("cifar10", tmp_path)


def test_that_one_missing_file_of_mnist_is_not_taken_for_the_whole(mnist_folder):
    (mnist_folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="were not found"):
        load_dataset("mnist", mnist_folder)


def test_that_files_of_another_image_size_are_not_taken_for_mnist(mnist_folder, random, idx_bytes):
    for prefix, count in (("train", 30), ("t10k", 20)):
        images = random.integers(0, 256, (count, 20, 20), dtype=np.uint8)
        (mnist_folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
    with pytest.raises(DataError, match="1×20×20, but those of mnist have 1×28×28"):
        load_dataset("mnist", mnist_folder)


def test_that_two_calls_share_memory_and_a_changed_file_is_read_again(mnist_folder, idx_bytes):
    first = load_dataset("mnist", mnist_folder)
    assert load_dataset("mnist", mnist_folder) is first
    labels = np.arange(30, dtype=np.uint8)[::-1] % 10
    path = mnist_folder / "train-labels-idx1-ubyte"
    path.unlink()
    (mnist_folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    assert load_dataset("mnist", mnist_folder).train_labels.tolist() == labels.tolist()


def test_that_calls_from_two_threads_at_once_share_memory(mnist_folder):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(load_dataset("mnist", mnist_folder))) for _ in "12"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]


def test_that_at_most_two_data_sets_stay_in_memory(mnist_folder, cifar10_folder):
    sample = load_dataset("mnist-sample")
    load_dataset("mnist", mnist_folder)
    load_dataset("cifar10", cifar10_folder)
    assert len(datasets._CACHE._datasets) == 2
    assert load_dataset("mnist-sample") is not sample

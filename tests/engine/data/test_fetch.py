"""The downloader against a publisher on loopback, good and bad; made-up digits, and the real files where there are."""

import errno
import gzip
import hashlib
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.data import datasets, download
from engine.data import fetch as fetching
from engine.data.datasets import load_dataset
from engine.data.fetch import fetch, fetchable
from engine.data.progress import DataStoppedError
from engine.data.publishers import PUBLICATIONS, RemoteFile
from engine.errors import DataError
from tests.engine.data import publisher as from_publisher

IMAGES = "train-images-idx3-ubyte.gz"
LABELS = "t10k-labels-idx1-ubyte.gz"
REAL = os.environ.get("GABOR_TEST_DATA_DIR")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(datasets, "_CACHE", datasets._Cache())


def start(stack, files=None):
    publisher = from_publisher.Publisher(files)
    stack.addfinalizer(publisher.close)
    return publisher


def published(files, digests, *publishers, of="mnist"):
    return replace(
        PUBLICATIONS[of],
        addresses=tuple(publisher.address for publisher in publishers),
        files=tuple(
            RemoteFile(name, len(content), hashlib.md5(content, usedforsecurity=False).hexdigest())
            for name, content in files.items()
        ),
        digests=digests,
    )


@pytest.fixture
def digits(random, idx_bytes):
    """Files of a small MNIST and the digests of what they hold; the training images are some 200 kB."""
    arrays = {
        "train_images": random.integers(0, 256, (300, 28, 28), dtype=np.uint8),
        "train_labels": np.arange(300, dtype=np.uint8) % 10,
        "test_images": random.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        "test_labels": np.arange(20, dtype=np.uint8) % 10,
    }
    names = (IMAGES, "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", LABELS)
    files = {
        name: gzip.compress(idx_bytes(array)) for name, array in zip(names, arrays.values(), strict=True)
    }
    return files, {key: hashlib.sha256(array.tobytes()).hexdigest() for key, array in arrays.items()}


@pytest.fixture
def publisher(request, digits, monkeypatch):
    """The publisher of the small MNIST, by its own name in the table."""
    files, digests = digits
    publisher = start(request, files)
    monkeypatch.setitem(PUBLICATIONS, "mnist", published(files, digests, publisher))
    return publisher


def assert_whole(folder, publisher):
    """All files as they are published and nothing else, and the reader finds them."""
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == publisher.files
    assert len(load_dataset("mnist", folder).train_labels) == 300


def test_that_a_data_set_is_fetched_with_progress_to_where_the_reader_finds_it(publisher, tmp_path):
    heard = []
    folder = fetch("mnist", tmp_path / "new" / "data", report=heard.append)
    assert folder == tmp_path / "new" / "data" / "mnist"
    assert_whole(folder, publisher)
    total = sum(map(len, publisher.files.values()))
    assert {progress.total for progress in heard} == {total}
    assert [progress.done for progress in heard] == sorted(progress.done for progress in heard)
    assert heard[-1].done == total
    assert IMAGES in {progress.what for progress in heard}


def test_that_without_a_folder_the_files_go_to_the_users_data(publisher, tmp_path, monkeypatch):
    monkeypatch.delenv("GABOR_DATA_DIR", raising=False)
    monkeypatch.setattr(datasets.platformdirs, "user_data_dir", lambda name: str(tmp_path / name))
    assert fetch("mnist") == tmp_path / "gabor" / "mnist"
    assert len(load_dataset("mnist").test_labels) == 20


def test_that_what_is_there_is_not_fetched_again_and_what_is_damaged_is(publisher, tmp_path):
    folder = fetch("mnist", tmp_path)
    publisher.asked.clear()
    fetch("mnist", tmp_path)
    assert publisher.asked == []
    content = bytearray(publisher.files[LABELS])
    content[20] ^= 1
    (folder / LABELS).write_bytes(content)
    fetch("mnist", tmp_path)
    assert publisher.asked == [(LABELS, 0)]
    assert_whole(folder, publisher)


def test_that_a_connection_that_breaks_off_is_gone_on_with_where_it_ended(publisher, tmp_path):
    publisher.moods[IMAGES] = [
        from_publisher.breaks_off_after(50_000),
        from_publisher.breaks_off_after(70_000),
    ]
    folder = fetch("mnist", tmp_path)
    assert [first for name, first in publisher.asked if name == IMAGES] == [0, 50_000, 120_000]
    assert_whole(folder, publisher)


def test_that_a_server_that_gives_nothing_more_ends_in_words_and_the_next_try_goes_on(publisher, tmp_path):
    publisher.moods[IMAGES] = [from_publisher.breaks_off_after(50_000), from_publisher.breaks_off_after(0)]
    with pytest.raises(
        DataError, match=r"127\.0\.0\.1 broke off after 50,000 of [\d,]+ bytes.*try again"
    ) as told:
        fetch("mnist", tmp_path)
    assert IMAGES in str(told.value)
    assert [path.name for path in (tmp_path / "mnist").iterdir()] == [f"{IMAGES}.part"]
    publisher.asked.clear()
    assert_whole(fetch("mnist", tmp_path), publisher)
    assert publisher.asked[0] == (IMAGES, 50_000)


@pytest.mark.parametrize("mood", ["ignores_range", "mistakes_range"])
def test_that_a_server_that_does_not_honour_the_range_is_noticed(publisher, tmp_path, mood):
    publisher.moods[IMAGES] = [from_publisher.breaks_off_after(50_000), getattr(from_publisher, mood)]
    assert_whole(fetch("mnist", tmp_path), publisher)


def test_that_a_server_that_always_mistakes_the_range_does_not_hold_the_download_for_ever(
    publisher, tmp_path
):
    publisher.moods[IMAGES] = [from_publisher.mistakes_range] * 50
    with pytest.raises(DataError, match="a part of the file where all of it was asked for"):
        fetch("mnist", tmp_path)
    assert len(publisher.asked) < 5


@pytest.mark.parametrize("leftover", [b"of an older file" * 100, b"x" * 10_000_000])
def test_that_leftovers_of_another_file_do_not_end_up_in_this_one(publisher, tmp_path, leftover):
    part = tmp_path / "mnist" / f"{IMAGES}.part"
    part.parent.mkdir()
    part.write_bytes(leftover)
    assert_whole(fetch("mnist", tmp_path), publisher)


def test_that_a_whole_part_of_an_earlier_try_is_taken_without_asking(publisher, tmp_path):
    part = tmp_path / "mnist" / f"{IMAGES}.part"
    part.parent.mkdir()
    part.write_bytes(publisher.files[IMAGES])
    assert_whole(fetch("mnist", tmp_path), publisher)
    assert IMAGES not in [name for name, _ in publisher.asked]


def bad_moods(size):
    return {
        "a shorter length": (from_publisher.promises(100), "offers 100 bytes where the file has"),
        "a longer length": (from_publisher.promises(size + 5), f"offers {size + 5:,} bytes"),
        "a page instead": (from_publisher.without_length(b"<html>log in</html>"), "broke off after 19 of"),
        "without an end": (from_publisher.without_length(bytes(size + 70_000)), "sends more than"),
        "damaged": (from_publisher.damaged, "checksum is not the published one"),
        "not found": (from_publisher.answer(404), "answered “404 Not Found”"),
        "out of order": (from_publisher.answer(500), "answered “500 Internal Server Error”"),
        "no content": (from_publisher.answer(204), "answered “204 No Content”"),
        "hangs at once": (from_publisher.hangs_after(0), "sent nothing for 0.3 seconds"),
        "hangs on the way": (from_publisher.hangs_after(9000), "sent nothing for 0.3 seconds"),
    }


@pytest.mark.parametrize("kind", sorted(bad_moods(0)))
def test_that_a_bad_answer_is_told_leaves_nothing_damaged_and_the_next_try_succeeds(
    publisher, tmp_path, kind
):
    mood, words = bad_moods(len(publisher.files[IMAGES]))[kind]
    hangs = kind.startswith("hangs")
    rest = from_publisher.hangs_after(0) if hangs else mood
    publisher.moods[IMAGES] = [mood, rest, rest]
    with pytest.raises(DataError, match=words) as told:
        fetch("mnist", tmp_path, **({"timeout": 0.3} if hangs else {}))
    assert str(told.value).startswith(f"MNIST: {IMAGES} could not be fetched: 127.0.0.1 ")
    assert all(path.name == f"{IMAGES}.part" for path in (tmp_path / "mnist").iterdir())
    publisher.moods.clear()
    assert_whole(fetch("mnist", tmp_path), publisher)


def test_that_a_second_address_helps_out_and_is_asked_first_from_then_on(
    request, digits, monkeypatch, tmp_path
):
    files, digests = digits
    poor, good = start(request), start(request, files)
    monkeypatch.setitem(PUBLICATIONS, "mnist", published(files, digests, poor, good))
    assert_whole(fetch("mnist", tmp_path), good)
    assert poor.asked == [(IMAGES, 0)]


def test_that_a_closed_port_and_an_unknown_name_are_told_apart(request, digits, monkeypatch, tmp_path):
    files, digests = digits
    gone = from_publisher.Publisher()
    gone.close()
    monkeypatch.setitem(PUBLICATIONS, "mnist", published(files, digests, gone))
    with pytest.raises(DataError, match=r"127\.0\.0\.1 refused the connection"):
        fetch("mnist", tmp_path)

    def no_network(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    with pytest.raises(DataError, match=r"127\.0\.0\.1 was not found \(there may be no network\).*try again"):
        fetch("mnist", tmp_path)
    assert list((tmp_path / "mnist").iterdir()) == []


def test_that_files_with_other_values_than_published_are_removed(publisher, digits, monkeypatch, tmp_path):
    right = PUBLICATIONS["mnist"]
    monkeypatch.setitem(
        PUBLICATIONS, "mnist", replace(right, digests={**right.digests, "test_labels": "0" * 64})
    )
    with pytest.raises(DataError, match="other values than the published ones in test_labels"):
        fetch("mnist", tmp_path)
    assert list((tmp_path / "mnist").iterdir()) == []
    monkeypatch.setitem(PUBLICATIONS, "mnist", right)
    assert_whole(fetch("mnist", tmp_path), publisher)


def test_that_a_download_stops_between_two_chunks_and_goes_on_later(publisher, tmp_path):
    content = publisher.files[IMAGES]
    publisher.moods[IMAGES] = [from_publisher.hangs_after(30_000)]
    arrived = threading.Event()

    def report(progress):
        if progress.done >= 30_000:
            arrived.set()
            publisher.released.set()

    with pytest.raises(DataStoppedError, match="goes on from there"):
        fetch("mnist", tmp_path, report=report, cancelled=arrived.is_set)
    assert (tmp_path / "mnist" / f"{IMAGES}.part").read_bytes() == content[:30_000]
    publisher.asked.clear()
    assert_whole(fetch("mnist", tmp_path), publisher)
    assert publisher.asked[0] == (IMAGES, 30_000)


def test_that_two_downloads_of_one_file_do_not_write_into_each_other(publisher, tmp_path):
    publisher.moods[IMAGES] = [from_publisher.hangs_after(1000)]
    told, begun = [], threading.Event()

    def report(progress):
        if progress.done:
            begun.set()

    first = threading.Thread(target=fetch, args=("mnist", tmp_path), kwargs={"report": report})
    first.start()
    assert begun.wait(60)
    with pytest.raises(DataError, match="another Gabor"):
        fetch("mnist", tmp_path, report=told.append)
    publisher.released.set()
    first.join()
    assert_whole(tmp_path / "mnist", publisher)


def test_that_too_little_space_is_told_before_the_first_byte(publisher, monkeypatch, tmp_path):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda place: usage)
    with pytest.raises(DataError, match=r"needs [\d.]+ KiB, but the disk of .* has only 1.0 KiB left"):
        fetch("mnist", tmp_path)
    assert publisher.asked == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_that_a_disk_that_fills_up_keeps_what_arrived(publisher, monkeypatch, tmp_path, code):
    write, written = download._write, []

    def full(sink, content):
        if written:
            write(sink, content[:10])
            raise OSError(code, os.strerror(code))
        written.append(content)
        write(sink, content)

    publisher.moods[IMAGES] = [from_publisher.breaks_off_after(4000)]
    with monkeypatch.context() as patch:
        patch.setattr(download, "_write", full)
        with pytest.raises(DataError, match=r"disk of .* is full: make space and try again"):
            fetch("mnist", tmp_path)
    assert_whole(fetch("mnist", tmp_path), publisher)


def test_that_the_systems_own_refusal_to_write_is_told(publisher, tmp_path):
    """The limit of a file's size stands in for a full disk: the same write fails, halfway through a chunk."""
    program = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from dataclasses import replace
from engine.data.publishers import PUBLICATIONS, RemoteFile
from engine.data.fetch import fetch
from engine.errors import DataError
from pathlib import Path
PUBLICATIONS["mnist"] = replace(PUBLICATIONS["mnist"], addresses=({publisher.address!r},), files=(
    RemoteFile({IMAGES!r}, {len(publisher.files[IMAGES])}, "0" * 32),))
try:
    fetch("mnist", Path({str(tmp_path)!r}))
except DataError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "is full: make space and try again" in result.stdout, result.stderr
    part = (tmp_path / "mnist" / f"{IMAGES}.part").read_bytes()
    assert part == publisher.files[IMAGES][: len(part)]
    assert_whole(fetch("mnist", tmp_path), publisher)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_that_a_folder_that_may_not_be_written_is_told(publisher, tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DataError, match="cannot be written"):
            fetch("mnist", tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_that_a_file_where_the_folder_should_be_is_told(publisher, tmp_path):
    (tmp_path / "mnist").write_text("in the way")
    with pytest.raises(DataError, match=r"fetch into another folder .`gabor fetch --data`."):
        fetch("mnist", tmp_path)


def test_that_an_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(
        DataError, match="“imagenet” cannot be fetched: choose one of mnist, cifar10, fashion-mnist"
    ):
        fetch("imagenet")


def test_that_every_name_has_complete_sums_and_comes_from_its_publisher():
    fields = {"train_images", "train_labels", "test_images", "test_labels"}
    assert set(fetchable()) <= set(datasets.dataset_names())
    for name in fetchable():
        publication = PUBLICATIONS[name]
        assert set(publication.digests) == fields
        assert all(len(digest) == 64 for digest in publication.digests.values())
        assert all(len(file.md5) == 32 and file.size > 0 for file in publication.files)
        assert all(address.endswith("/") for address in publication.addresses)


@pytest.mark.parametrize(("asked", "there"), [("mnist", "fashion-mnist"), ("fashion-mnist", "mnist")])
def test_that_files_of_a_namesake_are_not_taken_for_the_set(
    publisher, digits, monkeypatch, tmp_path, asked, there
):
    files, digests = digits
    monkeypatch.setitem(
        PUBLICATIONS, "mnist", replace(PUBLICATIONS["mnist"], digests=dict.fromkeys(digests, "0"))
    )
    monkeypatch.setitem(PUBLICATIONS, there, replace(PUBLICATIONS[there], digests=digests))
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"not those of .*: choose {there}"):
        load_dataset(asked, tmp_path)
    assert len(load_dataset(there, tmp_path).test_labels) == 20


@pytest.mark.skipif(not REAL, reason="set GABOR_DATA_DIR to the folder with the official files")
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_that_the_real_files_pass_every_check_after_a_break(request, monkeypatch, tmp_path, name):
    official = PUBLICATIONS[name]
    files = {file.name: (Path(REAL) / official.folder / file.name).read_bytes() for file in official.files}
    publisher = start(request, files)
    # Packed anew, the archives have sums of their own; the values in them are the published ones.
    monkeypatch.setitem(PUBLICATIONS, name, published(files, official.digests, publisher, of=name))
    largest = max(files, key=lambda file: len(files[file]))
    publisher.moods[largest] = [from_publisher.breaks_off_after(len(files[largest]) // 3)]
    folder = fetch(name, tmp_path)
    assert len(load_dataset(name, folder).test_labels) == 10_000

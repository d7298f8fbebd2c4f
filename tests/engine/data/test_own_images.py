"""A user's own images: folders, tables, archives; their cache, and what is refused in words."""

import io
import os
import shutil
import struct
import threading
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from engine.data import datasets, gathering, image_cache, image_folders
from engine.data.datasets import dataset_summary, is_own, load_dataset
from engine.data.image_folders import BrokenImagesError, images_summary, load_images
from engine.data.image_rules import ImageRules
from engine.data.preparation import prepare
from engine.data.progress import DataStoppedError
from engine.data.recipe import DataRecipe, check, default_recipe, recipe_dataset, recipe_summary
from engine.errors import DataError
from tests.engine.data.pictures import classes, content, write_tree, zipped

RULES = ImageRules(height=8, width=10)
NAMES = ("apple", "pear", "plum")


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path_factory):
    """A cache of its own for each test."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(image_cache.platformdirs, "user_cache_dir", lambda name: str(folder / name))
    monkeypatch.setattr(image_folders, "_SUMMARIES", {})
    monkeypatch.setattr(datasets.platformdirs, "user_data_dir", lambda name: str(folder / "data"))
    monkeypatch.delenv("GABOR_DATA_DIR", raising=False)
    return folder / "gabor"


@pytest.fixture
def fruit(tmp_path):
    """Three classes of ten pictures each."""
    return write_tree(tmp_path / "fruit", classes(NAMES, 10))


def assert_pixels_tell_the_labels(dataset):
    """Red is 20 times the label in every picture that these tests make."""
    for part in ("train", "test"):
        images, labels = getattr(dataset, f"{part}_images"), getattr(dataset, f"{part}_labels")
        assert (images[..., 0] == 20 * labels[:, None, None]).all()
        assert (images[..., 2] == 77).all()


def numbers(images):
    return sorted(images[:, 0, 0, 1].tolist())


def test_that_folders_of_classes_become_a_data_set_with_a_stratified_test_part(fruit):
    dataset = load_images(fruit, RULES)
    assert dataset.class_names == NAMES
    assert dataset.image_shape == (3, 8, 10)
    assert np.bincount(dataset.train_labels).tolist() == [8, 8, 8]
    assert np.bincount(dataset.test_labels).tolist() == [2, 2, 2]
    assert_pixels_tell_the_labels(dataset)
    for label in range(3):
        parts = [
            numbers(images[labels == label])
            for images, labels in (
                (dataset.train_images, dataset.train_labels),
                (dataset.test_images, dataset.test_labels),
            )
        ]
        assert sorted(parts[0] + parts[1]) == list(range(10))


def test_that_the_test_part_is_the_same_whatever_seed_the_recipe_splits_by(fruit):
    recipe = DataRecipe(dataset=str(fruit), image_height=8, image_width=10)
    first, second = (
        recipe_dataset(DataRecipe(dataset=str(fruit), image_height=8, image_width=10, split_seed=seed))
        for seed in (0, 7)
    )
    np.testing.assert_array_equal(first.test_images, second.test_images)
    assert len(prepare(first, recipe).validation_labels) == 6


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "Testing"), ("train", "val")])
def test_that_folders_of_training_and_test_are_honoured(tmp_path, train, test):
    tree = classes(NAMES, 6, prefix=f"{train}/") | classes(NAMES, 2, start=100, prefix=f"{test}/")
    dataset = load_images(write_tree(tmp_path / "set", tree), RULES)
    assert numbers(dataset.train_images) == sorted(list(range(6)) * 3)
    assert numbers(dataset.test_images) == [100] * 3 + [101] * 3
    assert_pixels_tell_the_labels(dataset)


def test_that_beside_a_test_folder_a_validation_folder_joins_the_training_images(tmp_path):
    tree = classes(NAMES, 4, prefix="train/") | classes(NAMES, 2, start=50, prefix="val/")
    tree |= classes(NAMES, 1, start=100, prefix="test/")
    dataset = load_images(write_tree(tmp_path / "set", tree), RULES)
    assert set(numbers(dataset.train_images)) == {0, 1, 2, 3, 50, 51}
    assert set(numbers(dataset.test_images)) == {100}


def test_that_a_class_of_the_test_part_alone_is_named(tmp_path):
    tree = classes(NAMES, 4, prefix="train/") | classes(("apples",), 2, prefix="test/")
    with pytest.raises(DataError, match="test images of the class “apples”, but no training images"):
        load_images(write_tree(tmp_path / "set", tree), RULES)


def test_that_numbered_classes_stand_in_the_order_of_their_numbers(tmp_path):
    tree = classes([str(number) for number in range(12)], 5)
    assert load_images(write_tree(tmp_path / "set", tree), RULES).class_names == tuple(map(str, range(12)))


def test_that_folders_within_classes_stray_files_and_hidden_ones_do_no_harm(fruit):
    shutil.move(fruit / "plum" / "003.png", fruit / "plum" / "ripe.png")
    (fruit / "plum" / "deep" / "er").mkdir(parents=True)
    shutil.move(fruit / "plum" / "ripe.png", fruit / "plum" / "deep" / "er" / "ripe.png")
    write_tree(fruit, {"readme.txt": "about", "cover.png": content(0, 0), ".git/config.png": b"x"})
    write_tree(fruit, {"plum/notes.md": "x", "plum/.thumb.png": b"x", "empty/readme.txt": "x"})
    dataset = load_images(fruit, RULES)
    assert (dataset.class_names, len(dataset.train_labels) + len(dataset.test_labels)) == (NAMES, 30)


@pytest.mark.parametrize("wrapped", ["", "fruit/", "backup/fruit/"])
def test_that_a_zip_equals_the_folder_even_when_packed_with_its_own_name(fruit, tmp_path, wrapped):
    tree = {f"{wrapped}{name}": value for name, value in classes(NAMES, 10).items()}
    tree |= {f"{wrapped}__MACOSX/plum/._003.png": b"junk", f"{wrapped}.DS_Store": b"junk"}
    folder, archive = load_images(fruit, RULES), load_images(zipped(tmp_path / "f.zip", tree), RULES)
    for field in ("train_images", "train_labels", "test_images", "test_labels"):
        np.testing.assert_array_equal(getattr(folder, field), getattr(archive, field))
    assert folder.class_names == archive.class_names


TABLES = {
    "plain": ("", "{path},{label}"),
    "header": ("path,label", "{path},{label}"),
    "columns in another order": ("id,Label,Filename", "7,{label},{path}"),
    "label first": ("", "{label},{path}"),
    "semicolons": ("image;class", "{path};{label}"),
    "tabs": ("", "{path}\t{label}"),
    "quotes": ("file,category", '"{path}","{label}"'),
    "backslashes": ("", "{path_backwards},{label}"),
    "byte order mark": ("\ufeffpath,label", "{path},{label}"),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("packed", [False, True])
def test_that_a_table_of_paths_and_labels_is_read(tmp_path, kind, packed):
    header, form = TABLES[kind]
    tree = {
        f"images/{label}{number}.png": content(label, number) for label in range(3) for number in range(5)
    }
    lines = [
        form.format(path=name, path_backwards=name.replace("/", "\\"), label=NAMES[int(name[7])])
        for name in tree
    ]
    table = "\r\n".join([header, *lines, "", ""]) if header else "\n".join(lines)
    tree["labels.csv"] = table
    if packed:
        place = zipped(tmp_path / "set.zip", {f"set/{name}": value for name, value in tree.items()})
    else:
        place = write_tree(tmp_path / "set", tree) / "labels.csv"
    dataset = load_images(place, RULES)
    assert dataset.class_names == NAMES
    assert len(dataset.train_labels) + len(dataset.test_labels) == 15
    assert_pixels_tell_the_labels(dataset)


def test_that_a_table_may_name_the_part_of_each_image(tmp_path):
    tree = {f"{label}{number}.png": content(label, number) for label in range(2) for number in range(4)}
    lines = [f"{name},{'ab'[int(name[0])]},{'test' if name[1] == '3' else 'train'}" for name in tree]
    tree["labels.csv"] = "\n".join(["path,label,split", *lines])
    dataset = load_images(write_tree(tmp_path / "set", tree) / "labels.csv", RULES)
    assert (numbers(dataset.train_images), numbers(dataset.test_images)) == ([0, 0, 1, 1, 2, 2], [3, 3])


def test_that_a_column_of_other_words_than_parts_is_left_alone(tmp_path):
    tree = {f"{label}{number}.png": content(label, number) for label in range(2) for number in range(5)}
    lines = [f"{name},{'ab'[int(name[0])]},fold{name[1]}" for name in tree]
    tree["labels.csv"] = "\n".join(["path,label,split", *lines])
    dataset = load_images(write_tree(tmp_path / "set", tree) / "labels.csv", RULES)
    assert (len(dataset.train_labels), len(dataset.test_labels)) == (8, 2)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "names no images"),
        ("path,label\n", "names no images"),
        ("a.png,x\nb.png\n", r"labels\.csv, line 2: “b\.png” stands alone"),
        ("a.png,x\nb.png," + "y" * 1000, "with 1000 characters"),
        ("a.png,x\nb.png,\n", r"line 2: b\.png has no label"),
        ("a.png,x\nb.png,x\n", "one class only, “x”"),
        ("a.png,x\n../../etc/secret.png,y\n", r"'\.\./\.\./etc/secret\.png', which leads out of its folder"),
        ("a.png,x\n/etc/secret.png,y\n", "leads out of its folder"),
        (
            "path,label,split\na.png,x,train\nb.png,y,tset\na.png,y,test\n",
            r"line 3: “tset” is no part of the data",
        ),
        ("a.png,x\nmissing.png,y\nb.png,y\n", r"1 of the 3 images .*: missing\.png \(does not exist\)"),
        ("a.png,x\n\0.png,y\nb.png,y\n", "is no table"),
        ('a.png,"' + "x" * 200_000, "is no table"),
        (b"a.png,x\nb.png,\xe4\n", r"labels\.csv, line 2: the table is not in UTF-8"),
        ("a.png,x\nb.png,y\na.png,y\n", r"line 3: a\.png is “y”, but in line 1 it is “x”"),
        (
            "path,label,split\na.png,x,train\nb.png,y,test\na.png,x,test\n",
            r"line 4: a\.png is “x, test”, but in line 2",
        ),
    ],
)
def test_that_a_table_that_cannot_be_followed_is_told_by_line(tmp_path, table, words):
    folder = write_tree(
        tmp_path / "set", {"a.png": content(0, 0), "b.png": content(1, 0), "labels.csv": table}
    )
    with pytest.raises(DataError, match=words):
        load_images(folder / "labels.csv", ImageRules(height=8, width=8, test_fraction=0.4))


def test_that_a_table_in_utf16_is_read_and_a_line_that_is_there_twice_counts_twice(tmp_path):
    lines = [f"{label}{number}.png,{'äö'[label]}" for label in range(2) for number in range(5)]
    tree = {f"{label}{number}.png": content(label, number) for label in range(2) for number in range(5)}
    tree["labels.csv"] = "\n".join([*lines, lines[0]]).encode("utf-16")
    dataset = load_images(write_tree(tmp_path / "set", tree) / "labels.csv", RULES)
    assert dataset.class_names == ("ä", "ö")
    assert len(dataset.train_labels) + len(dataset.test_labels) == 11


@pytest.mark.parametrize("split", [False, True])
def test_that_arrays_of_ones_own_are_taken_as_they_are(tmp_path, random, split):
    images = random.integers(0, 256, (20, 5, 6, 3), dtype=np.uint8)
    labels = np.arange(20) % 2
    arrays = {"images": images, "labels": labels}
    if split:
        arrays = {"train_images": images[:15], "train_labels": labels[:15]}
        arrays |= {"test_images": images[15:], "test_labels": labels[15:]}
    np.savez_compressed(tmp_path / "own.npz", **arrays, class_names=np.array(["left", "right"]))
    dataset = load_images(tmp_path / "own.npz", RULES)
    assert dataset.class_names == ("left", "right")
    assert dataset.image_shape == (3, 5, 6)
    assert (len(dataset.train_labels), len(dataset.test_labels)) == ((15, 5) if split else (16, 4))
    assert dataset_summary(str(tmp_path / "own.npz")) == recipe_summary(
        DataRecipe(dataset=str(tmp_path / "own.npz"))
    )


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": np.zeros((4, 5, 6), np.uint8), "labels": np.arange(3)}, "4 images but 3 labels"),
        ({"images": np.zeros((4, 5, 6)), "labels": np.arange(4)}, "images has values of type <f8"),
        ({"images": np.zeros((4, 5, 6), np.uint8), "labels": np.arange(4) * 10**6}, "the label 3000000"),
        ({"images": np.zeros((4, 3, 9, 8), np.uint8), "labels": np.arange(4)}, "channels first"),
        ({"images": np.zeros((4, 1, 9, 9), np.uint8), "labels": np.arange(4)}, "channels first"),
        ({"labels": np.arange(4)}, "no array train_images"),
        ({"x_tr": np.arange(4), "y_tr": np.arange(4)}, "It holds x_tr, y_tr"),
        (
            {
                "images": np.zeros((4, 5, 6), np.uint8),
                "labels": np.arange(4) % 2,
                "class_names": np.array([1, 2]),
            },
            "only arrays of text",
        ),
        (
            {
                "images": np.zeros((9, 5, 6), np.uint8),
                "labels": np.arange(9) % 3,
                "class_names": np.array(["a"]),
            },
            "there are 1 classes",
        ),
    ],
)
def test_that_arrays_which_do_not_fit_are_told(tmp_path, arrays, words):
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(DataError, match=words):
        load_images(tmp_path / "own.npz", ImageRules(test_fraction=0.5))


def test_that_signals_of_many_channels_are_taken_as_they_are(tmp_path):
    np.savez(tmp_path / "own.npz", images=np.zeros((8, 1, 40, 6), np.uint8), labels=np.arange(8) % 2)
    assert load_images(tmp_path / "own.npz", ImageRules(test_fraction=0.5)).image_shape == (6, 1, 40)


# Broken pictures


def broken_kinds():
    whole = content(1, 5)
    bomb = bytearray(Image.new("1", (8, 8)).tobytes())
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data = b"IDAT" + zlib.compress(bytes(10_000))
    bomb += struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    wide = io.BytesIO()
    Image.new("1", (9000, 9000)).save(wide, "PNG")
    return {
        "empty.png": b"",
        "text.jpg": b"this is no picture",
        "cut.png": whole[: len(whole) - 25],
        "cut.jpg": content(1, 5, "JPEG", size=(90, 90))[:500],
        "bomb.png": bomb,
        "wide.png": wide.getvalue(),
    }


def test_that_broken_pictures_are_named_and_left_out_only_on_request(fruit):
    broken = broken_kinds()
    write_tree(fruit / "pear", broken)
    with pytest.raises(BrokenImagesError, match="6 of the 36 images") as told:
        load_images(fruit, RULES)
    assert {name for name, _ in told.value.broken} == {f"pear/{name}" for name in broken}
    for name in broken:
        assert f"pear/{name}" in str(told.value)
    assert "claims more pixels" in str(told.value)
    dataset = load_images(fruit, ImageRules(height=8, width=10, skip_broken=True))
    assert len(dataset.train_labels) + len(dataset.test_labels) == 30
    assert dataset.skipped == told.value.broken
    assert_pixels_tell_the_labels(dataset)
    assert numbers(np.concatenate([dataset.train_images, dataset.test_images])) == sorted(list(range(10)) * 3)


def test_that_of_many_broken_pictures_ten_are_named_and_all_are_known(fruit):
    write_tree(fruit / "pear", {f"bad{number:02}.png": b"x" for number in range(25)})
    with pytest.raises(
        BrokenImagesError, match=r"25 of the 55 images.*pear/bad09\.png .*; and 15 more"
    ) as told:
        load_images(fruit, RULES)
    assert len(told.value.broken) == 25


def test_that_a_set_of_broken_pictures_alone_is_told(tmp_path):
    tree = {f"{name}/{number}.png": b"x" for name in NAMES for number in range(4)}
    with pytest.raises(DataError, match="None of the 12 images"):
        load_images(write_tree(tmp_path / "set", tree), ImageRules(skip_broken=True))


def test_that_hundreds_of_jpegs_of_mixed_sizes_are_read_on_threads_within_little_memory(
    tmp_path, within_memory, monkeypatch, random
):
    tree = {}
    for number in range(300):
        size = tuple(random.integers(8, 257, 2).tolist())
        label = number % 12
        tree[f"class{label:02}/{number:03}.jpg"] = content(label, number, "JPEG", size=size)
    broken = [f"class{number:02}/{number:03}.jpg" for number in range(5)]
    tree |= dict.fromkeys(broken, b"\xff\xd8\xff\xe0 broken")
    folder = write_tree(tmp_path / "set", tree)
    heard = []
    rules = ImageRules(height=128, width=128, skip_broken=True)
    monkeypatch.setattr(image_cache, "_MOST_THREADS", 2)
    with within_memory(8 * 2**20):  # the decoded set has 14 MiB
        dataset = load_images(folder, rules, report=heard.append)
    assert [name for name, _ in dataset.skipped] == broken
    assert len(dataset.train_labels) + len(dataset.test_labels) == 295
    assert heard[-1].done == heard[-1].total == 300
    for images, labels in (
        (dataset.train_images, dataset.train_labels),
        (dataset.test_images, dataset.test_labels),
    ):
        red = images[..., 0].mean(axis=(1, 2))
        assert np.abs(red - 20 * labels).max() < 8


# The cache


def test_that_the_second_start_decodes_nothing_and_maps_the_same_from_disk(fruit, monkeypatch):
    first = load_images(fruit, RULES)
    monkeypatch.setattr(image_cache, "decoded", None)
    second = load_images(fruit, RULES)
    np.testing.assert_array_equal(first.train_images, second.train_images)
    np.testing.assert_array_equal(first.test_labels, second.test_labels)
    assert gathering._is_mapped(second.train_images)
    assert not second.train_images.flags.writeable


@pytest.mark.parametrize("change", ["content", "added", "removed", "renamed", "moved", "rules"])
def test_that_a_change_of_files_or_rules_is_noticed(fruit, change):
    before, rules = load_images(fruit, RULES), RULES
    if change == "content":
        (fruit / "pear" / "000.png").write_bytes(content(1, 200))
    elif change == "added":
        (fruit / "pear" / "999.png").write_bytes(content(1, 200))
    elif change == "removed":
        (fruit / "pear" / "000.png").unlink()
    elif change == "renamed":
        (fruit / "pear").rename(fruit / "quince")
    elif change == "moved":
        (fruit / "pear" / "000.png").rename(fruit / "plum" / "100.png")
    else:
        rules = ImageRules(height=8, width=10, mode="grey")
    after = load_images(fruit, rules)
    sums = [(d.class_names, int(d.train_images.sum()) + int(d.test_images.sum())) for d in (before, after)]
    labels = [np.concatenate([d.train_labels, d.test_labels]).tolist() for d in (before, after)]
    assert sums[0] != sums[1] or labels[0] != labels[1]


@pytest.mark.parametrize("name", ["images.npy", "labels.npy", "header.json"])
@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "other"])
def test_that_a_damaged_cache_is_made_anew(fruit, cache, name, damage):
    before = load_images(fruit, RULES)
    expected = before.train_images.copy()
    [path] = (cache / "images").glob(f"*/{name}")
    whole = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "other": b"nonsense" * 20}[damage])
    np.testing.assert_array_equal(load_images(fruit, RULES).train_images, expected)


def test_that_a_stop_leaves_nothing_behind_and_the_next_start_succeeds(fruit, cache, monkeypatch):
    monkeypatch.setattr(image_cache, "_BLOCK_FILES", 2)
    heard = []
    with pytest.raises(DataStoppedError):
        load_images(fruit, RULES, report=heard.append, cancelled=lambda: len(heard) >= 2)
    assert len(heard) < 10
    assert list((cache / "images").iterdir()) == []
    assert len(load_images(fruit, RULES).train_labels) == 24


def test_that_two_starts_at_once_give_the_same(fruit):
    found = []
    threads = [threading.Thread(target=lambda: found.append(load_images(fruit, RULES))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for dataset in found[1:]:
        np.testing.assert_array_equal(dataset.train_images, found[0].train_images)


def test_that_too_little_space_is_told_before_decoding(fruit, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda place: usage)
    with pytest.raises(
        DataError, match=r"30 decoded images need [\d.]+ KiB, but the disk of .* has only 1.0 KiB left"
    ):
        load_images(fruit, RULES)


def test_that_a_disk_that_fills_up_while_decoding_is_told_and_leaves_nothing(fruit, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(image_cache.os, "pwrite", full)
        with pytest.raises(DataError, match="filled up while images were decoded"):
            load_images(fruit, RULES)
    assert list((cache / "images").iterdir()) == []
    assert len(load_images(fruit, RULES).train_labels) == 24


def test_that_sets_used_longest_ago_leave_the_cache(fruit, cache, monkeypatch):
    monkeypatch.setattr(image_cache, "_MOST_KEPT", 3)
    old = load_images(fruit, ImageRules(height=4, width=4))
    for time, path in enumerate((cache / "images").glob("*/header.json")):
        os.utime(path, (time, time))
    for side in (5, 6, 7):
        load_images(fruit, ImageRules(height=side, width=side))
    assert len(list((cache / "images").iterdir())) == 3
    assert_pixels_tell_the_labels(old)  # still mapped


def test_that_many_images_are_gathered_on_disk_and_equal_those_in_memory(fruit, cache, monkeypatch, random):
    images = load_images(fruit, RULES).train_images
    index = random.permutation(len(images))[:20]
    few = gathering.gathered(images, index)
    monkeypatch.setattr(gathering, "MOST_IN_MEMORY", 1000)
    monkeypatch.setattr(gathering, "_BLOCK_BYTES", 1000)
    before = sorted((cache / "images").iterdir())
    many = gathering.gathered(images, index)
    assert gathering._is_mapped(many)
    assert not gathering._is_mapped(few)
    np.testing.assert_array_equal(many, few)
    assert sorted((cache / "images").iterdir()) == before
    assert not gathering._is_mapped(gathering.gathered(np.array(images), index))


# What is refused


@pytest.mark.parametrize(
    "name", ["../../outside/evil.png", "/etc/evil.png", "a\\..\\evil.png", "C:/evil.png"]
)
def test_that_a_zip_whose_entries_lead_out_is_refused_and_nothing_is_written(tmp_path, name):
    path = zipped(tmp_path / "set.zip", classes(NAMES, 4) | {name: b"x"})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match="leads out of the archive"):
        load_images(path, RULES)
    assert sorted(tmp_path.rglob("*")) == before


def test_that_links_in_a_zip_are_refused(tmp_path):
    path = zipped(tmp_path / "set.zip", classes(NAMES, 4))
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("plum/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="has a link in it"):
        load_images(path, RULES)


def test_that_a_zip_bomb_counts_as_a_broken_picture(tmp_path, monkeypatch, within_memory):
    monkeypatch.setattr("engine.data.image_store.LARGEST_FILE", 2**20)
    path = zipped(tmp_path / "set.zip", classes(NAMES, 4) | {"plum/bomb.png": bytes(2**26)})
    with within_memory(8 * 2**20), pytest.raises(BrokenImagesError, match="larger than 1048576 bytes"):
        load_images(path, RULES)


@pytest.mark.parametrize("content_of", [b"", b"PK\x03\x04 nonsense", b"not a zip"])
def test_that_something_else_is_not_taken_for_a_zip(tmp_path, content_of):
    (tmp_path / "set.zip").write_bytes(content_of)
    with pytest.raises(DataError, match=r"set\.zip is damaged"):
        load_images(tmp_path / "set.zip", RULES)


def test_that_damaged_bytes_of_a_zip_never_end_in_another_error(tmp_path, random):
    path = zipped(tmp_path / "set.zip", classes(NAMES, 4))
    whole, refused = path.read_bytes(), 0
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] ^= int(random.integers(1, 256))
        path.write_bytes(damaged[: random.integers(len(whole))] if random.random() < 0.3 else damaged)
        try:
            load_images(path, RULES)
        except DataError:
            refused += 1
    assert refused > 40


def test_that_links_out_of_a_folder_are_refused_and_those_within_are_followed(fruit, tmp_path):
    (tmp_path / "secret.png").write_bytes(content(2, 99))
    (fruit / "plum" / "inner.png").symlink_to(fruit / "plum" / "000.png")
    assert len(load_images(fruit, RULES).train_labels) == 25
    link = fruit / "plum" / "outer.png"
    link.symlink_to(tmp_path / "secret.png")
    with pytest.raises(DataError, match=r"outer\.png is a link that leads out of"):
        load_images(fruit, RULES)
    link.unlink()
    (fruit / "more").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(DataError, match="is a link to a folder"):
        load_images(fruit, RULES)


def test_that_a_link_to_nothing_and_a_pipe_are_no_pictures(fruit):
    (fruit / "plum" / "gone.png").symlink_to(fruit / "plum" / "nowhere.png")
    os.mkfifo(fruit / "plum" / "pipe.png")
    with pytest.raises(BrokenImagesError, match=r"1 of the 31 images .*plum/gone\.png \(does not exist\)"):
        load_images(fruit, RULES)


def test_that_links_in_a_circle_are_broken_pictures(fruit):
    (fruit / "plum" / "a.png").symlink_to(fruit / "plum" / "b.png")
    (fruit / "plum" / "b.png").symlink_to(fruit / "plum" / "a.png")
    with pytest.raises(BrokenImagesError, match="2 of the 32 images"):
        load_images(fruit, RULES)
    (fruit / "labels.csv").write_text("plum/a.png,x\nplum/000.png,x\npear/000.png,y")
    with pytest.raises(BrokenImagesError, match="1 of the 3 images"):
        load_images(fruit / "labels.csv", ImageRules(test_fraction=0.4))


def test_that_names_which_are_no_text_can_be_shown_and_kept(fruit):
    (fruit / "plum").rename(fruit / os.fsdecode(b"pl\xffm"))
    (fruit / os.fsdecode(b"pl\xffm\\bad\x01.png".replace(b"\\", b"/"))).write_bytes(b"x")
    (fruit / "pear").rename(fruit / "pe\nar")
    dataset = load_images(fruit, ImageRules(height=8, width=10, skip_broken=True))
    assert dataset.class_names == ("apple", r"pe\nar", r"pl\udcffm")
    assert [name for name, _ in dataset.skipped] == [r"pl\udcffm/bad\x01.png"]
    assert images_summary(fruit, ImageRules()).class_names == dataset.class_names


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"readme.txt": "x"}, "no sub-folders with images"),
        ({"a.png": b"x", "b.png": b"x"}, "no sub-folders with images"),
        (classes(("only",), 4), "one class only, “only”"),
        ({"train/a.png": b"x", "train/b.png": b"x", "test/c.png": b"x"}, "no folders of classes in test"),
        (classes(NAMES, 1), "3 images, too few"),
    ],
)
def test_that_a_folder_without_classes_is_told_with_what_to_do(tmp_path, tree, words):
    folder = write_tree(tmp_path / "set", tree)
    for ask in (load_images, images_summary):
        with pytest.raises(DataError, match=words):
            ask(folder, ImageRules(test_fraction=0.1))


def test_that_a_folder_of_more_than_can_be_meant_is_refused(fruit, monkeypatch):
    monkeypatch.setattr(image_folders, "_MOST_FOR_SUMMARY", 20)
    with pytest.raises(
        DataError, match="more than 20 files and folders: choose the folder of the images alone"
    ):
        images_summary(fruit, RULES)


# Summaries, recipes and names


def test_that_the_summary_equals_what_is_loaded_and_looks_at_no_picture(fruit, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(image_cache, "decoded", None)
        before = images_summary(fruit, RULES)
    dataset = load_images(fruit, RULES)
    assert before == images_summary(fruit, RULES)
    assert (before.image_shape, before.class_names) == (dataset.image_shape, dataset.class_names)
    assert (before.train_count, before.test_count) == (len(dataset.train_labels), len(dataset.test_labels))


def test_that_the_summary_is_kept_in_memory_and_on_disk_and_counts_what_was_really_read(fruit, monkeypatch):
    write_tree(fruit / "pear", {"bad.png": b"x"})
    rules = ImageRules(height=8, width=10, skip_broken=True)
    assert sum((images_summary(fruit, rules).train_count, images_summary(fruit, rules).test_count)) == 31
    load_images(fruit, rules)
    monkeypatch.setattr(image_folders, "open_store", None)
    for _ in range(2):
        summary = images_summary(fruit, rules)
        assert summary.train_count + summary.test_count == 30
        monkeypatch.setattr(image_folders, "_SUMMARIES", {})


def test_that_a_new_class_is_seen_by_the_summary(fruit):
    assert images_summary(fruit, RULES).classes == 3
    write_tree(fruit, classes(("fig",), 5))
    assert images_summary(fruit, RULES).class_names == ("apple", "fig", "pear", "plum")


def test_that_missing_images_are_told_in_words_by_summary_and_load(fruit):
    recipe = DataRecipe(dataset=str(fruit))
    assert recipe_summary(recipe).classes == 3
    shutil.rmtree(fruit)
    for ask in (recipe_summary, recipe_dataset):
        with pytest.raises(DataError, match="fruit does not exist: it may have been moved or renamed"):
            ask(recipe)


@pytest.mark.parametrize(
    "name", ["/no/such", "./here", "~nobody/x", "a\0b/c", "x" * 5000 + "/y", "set.zip", "~"]
)
def test_that_no_path_whatever_ends_in_another_error(name):
    for ask in (load_dataset, dataset_summary):
        with pytest.raises(DataError):
            ask(name)


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("mnist", False), ("imagenet", False), ("cifar10", False), ("/data/x", True), ("./x", True), ("x/y", True),
        ("~/x", True), ("labels.csv", True), ("X.ZIP", True), ("own.npz", True),
    ],
)  # fmt: skip
def test_that_paths_are_told_from_names(name, own):
    assert is_own(name) is own
    assert bool(check(DataRecipe(dataset=name))) is (name == "imagenet")


def test_that_images_that_moved_are_found_by_their_name_in_the_folders_of_data(fruit, tmp_path):
    assert load_dataset("/nowhere/fruit", tmp_path).classes == 3
    with pytest.raises(DataError, match="/nowhere/fruit does not exist"):
        load_dataset("/nowhere/fruit")
    # What is where it was is not looked for elsewhere.
    (tmp_path / "elsewhere" / "fruit").mkdir(parents=True)
    assert load_dataset(str(fruit), tmp_path / "elsewhere").classes == 3


def test_that_a_relative_path_is_looked_for_in_the_folders_of_data(fruit, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert load_dataset("./fruit").classes == 3
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="does not exist"):
        load_dataset("./fruit")
    assert load_dataset("./fruit", tmp_path).classes == 3
    monkeypatch.setenv("GABOR_DATA_DIR", str(tmp_path))
    assert load_dataset("./fruit").classes == 3
    assert recipe_dataset(default_recipe("./fruit")).image_shape == (3, 32, 32)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_height": 0}, "image height is 0"),
        ({"image_width": 100_000}, "image width is 100000"),
        ({"test_fraction": float("nan")}, "test fraction is nan"),
        ({"test_fraction": 1.0}, "test fraction is 1:"),
    ],
)
def test_that_rules_out_of_range_are_told(changes, words):
    [problem] = check(DataRecipe(**changes))
    assert words in problem


def test_that_prepared_own_images_are_standardised_by_channel(fruit):
    write_tree(fruit, {f"{name}/bright.png": content(11, 250) for name in NAMES})
    recipe = default_recipe(str(fruit))
    recipe = DataRecipe(
        dataset=recipe.dataset,
        centering=recipe.centering,
        standardise="global",
        image_height=8,
        image_width=8,
    )
    prepared = prepare(recipe_dataset(recipe), recipe)
    pixels = prepared.apply(prepared.train_images, np.float64)
    assert pixels.mean(axis=(0, 1, 2)) == pytest.approx([0, 0, 0], abs=1e-9)

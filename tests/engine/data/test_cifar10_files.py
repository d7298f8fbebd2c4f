import gzip
import io
import tarfile
import zlib

import numpy as np
import pytest

from engine.data.formats import CIFAR10_CLASSES, read_cifar10_archive, read_cifar10_folder
from engine.errors import DataError

MEBIBYTE = 2**20


def pack(folder, path, mode="w:gz", **options):
    with tarfile.open(path, mode, **options) as archive:
        archive.add(folder, arcname="cifar-10-batches-bin")


def add(archive, name, content=b"", **fields):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    archive.addfile(member, io.BytesIO(content))


def test_that_the_folder_gives_back_pixels_and_labels_in_official_order(cifar10_folder):
    parts = read_cifar10_folder(cifar10_folder)
    raw = b"".join((cifar10_folder / f"data_batch_{number}.bin").read_bytes() for number in range(1, 6))
    records = np.frombuffer(raw, dtype=np.uint8).reshape(20, 3073)
    assert parts.train_images.shape == (20, 32, 32, 3)
    assert parts.train_labels.tolist() == records[:, 0].tolist()
    assert parts.test_images.shape == (4, 32, 32, 3)
    # Byte 1 + 1024·c + 32·y + x of a record is the pixel of channel c, row y, column x.
    for image, channel, row, column in [(0, 0, 0, 0), (7, 1, 3, 30), (19, 2, 31, 31)]:
        expected = records[image, 1 + 1024 * channel + 32 * row + column]
        assert parts.train_images[image, row, column, channel] == expected
    assert parts.class_names == CIFAR10_CLASSES


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_that_the_archive_equals_the_folder(cifar10_folder, tmp_path, mode, tar_format):
    pack(cifar10_folder, tmp_path / "cifar-10-binary.tar.gz", mode, format=tar_format)
    archived, unpacked = (
        read_cifar10_archive(tmp_path / "cifar-10-binary.tar.gz"),
        read_cifar10_folder(cifar10_folder),
    )
    for field in ("train_images", "train_labels", "test_images", "test_labels"):
        np.testing.assert_array_equal(getattr(archived, field), getattr(unpacked, field))
    assert archived.class_names == unpacked.class_names


def test_that_class_names_are_left_open_when_their_file_is_missing(cifar10_folder):
    (cifar10_folder / "batches.meta.txt").unlink()
    assert read_cifar10_folder(cifar10_folder).class_names is None


def test_that_a_missing_batch_is_named(cifar10_folder, tmp_path):
    (cifar10_folder / "data_batch_3.bin").unlink()
    with pytest.raises(DataError, match=r"data_batch_3\.bin does not exist"):
        read_cifar10_folder(cifar10_folder)
    pack(cifar10_folder, tmp_path / "cifar-10-binary.tar.gz")
    with pytest.raises(DataError, match=r"lacks data_batch_3\.bin"):
        read_cifar10_archive(tmp_path / "cifar-10-binary.tar.gz")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes"),
        (bytes(3073 * 4 - 1), "12291 bytes"),
        (bytes(3073 * 3), "4, 3, 4, 4, 4 images"),
        (bytes(3073 * 10_001), "30733073 bytes where 30730000 are possible"),
    ],
)
def test_that_a_batch_of_the_wrong_size_is_refused(cifar10_folder, tmp_path, content, words):
    (cifar10_folder / "data_batch_2.bin").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_cifar10_folder(cifar10_folder)
    pack(cifar10_folder, tmp_path / "cifar-10-binary.tar.gz", compresslevel=1)
    with pytest.raises(DataError, match=words):
        read_cifar10_archive(tmp_path / "cifar-10-binary.tar.gz")


def test_that_a_truncated_or_damaged_archive_is_told(cifar10_folder, tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    pack(cifar10_folder, path)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 200, len(whole) // 40):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError):
            read_cifar10_archive(path)
    # Gzip's own header, with the name of the file, may change without harm.
    for place in range(64, len(whole) - 200, len(whole) // 40):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(DataError):
            read_cifar10_archive(path)


def test_that_links_and_outside_paths_in_an_archive_are_not_followed(cifar10_folder, tmp_path):
    outside = tmp_path / "secret"
    outside.write_bytes(bytes(3073 * 4))
    path = tmp_path / "cifar-10-binary.tar.gz"
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_SPARSE):
        with tarfile.open(path, "w:gz") as archive:
            add(archive, "data_batch_1.bin", type=kind, linkname=str(outside))
            for name in ("data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"):
                archive.add(cifar10_folder / name, arcname=f"../../../{name}")
            archive.add(cifar10_folder / "test_batch.bin", arcname="/etc/test_batch.bin")
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(DataError, match=r"lacks data_batch_1\.bin: get"):
            read_cifar10_archive(path)
        assert sorted(tmp_path.rglob("*")) == before


def test_that_a_member_which_stands_twice_is_refused(cifar10_folder, tmp_path):
    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as archive:
        archive.add(cifar10_folder / "test_batch.bin", arcname="a/test_batch.bin")
        archive.add(cifar10_folder / "test_batch.bin", arcname="b/test_batch.bin")
    with pytest.raises(DataError, match=r"test_batch\.bin twice"):
        read_cifar10_archive(tmp_path / "cifar-10-binary.tar.gz")


@pytest.mark.parametrize("size", [2**33 - 1, 40 * MEBIBYTE])
def test_that_a_member_which_claims_an_absurd_size_takes_no_memory(tmp_path, within_memory, size):
    member = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
    member.size = size
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf() + bytes(1024)))
    with within_memory(MEBIBYTE), pytest.raises(DataError, match=r"possible|can have"):
        read_cifar10_archive(path)


def test_that_an_endless_extended_header_is_refused_without_holding_it(tmp_path, within_memory):
    header = tarfile.TarInfo("PaxHeaders/data_batch_1.bin")
    header.type, header.size = tarfile.XHDTYPE, 150 * MEBIBYTE
    packer = zlib.compressobj(1, wbits=31)
    parts = [packer.compress(header.tobuf())]
    parts += [packer.compress(b"16 comment=aaaa\n" * (MEBIBYTE // 16)) for _ in range(150)]
    parts.append(packer.compress(bytes(1024)))
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(b"".join(parts) + packer.flush())
    with within_memory(8 * MEBIBYTE), pytest.raises(DataError, match="lacks data_batch_1"):
        read_cifar10_archive(path)


def test_that_a_long_chain_of_members_ends_at_the_limit(tmp_path, within_memory):
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    blocks = header.tobuf() * 2048
    packer = zlib.compressobj(1, wbits=31)
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(b"".join(packer.compress(blocks) for _ in range(8)) + packer.flush())
    with within_memory(8 * MEBIBYTE), pytest.raises(DataError, match="lacks"):
        read_cifar10_archive(path)


def test_that_an_archive_which_unpacks_to_too_much_is_refused(tmp_path, within_memory):
    header = tarfile.TarInfo("filler")
    header.size = 190 * MEBIBYTE
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf() + bytes(1024)))
    with within_memory(MEBIBYTE), pytest.raises(DataError, match="unpacks to more"):
        read_cifar10_archive(path)


@pytest.mark.parametrize("content", [b"", b"not a tar archive", bytes(range(256)) * 4, b"\x1f\x8bnonsense"])
def test_that_something_else_is_not_taken_for_the_archive(tmp_path, content):
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz"):
        read_cifar10_archive(path)


def test_that_a_wrong_number_of_class_names_is_refused(cifar10_folder):
    (cifar10_folder / "batches.meta.txt").write_text("cat\ndog\n")
    with pytest.raises(DataError, match="names 2 classes"):
        read_cifar10_folder(cifar10_folder)

import io
import json
import os
import stat
import struct
import zipfile
import zlib
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy

import engine.project_file as project_file
from engine.errors import DamagedRunsError, ProjectFileError
from engine.project_file import SCHEMA, from_bytes, load, project_json, to_bytes
from engine.project_file.archive import JSON_LIMIT, Archive

CHECKPOINT = "runs/run-1/checkpoint.safetensors"
HISTORY = "runs/run-1/history.safetensors"


@pytest.fixture
def members(project, run) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(to_bytes(project, [run]))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def document(members) -> dict:
    return json.loads(members["project.json"])


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


def with_document(document: object) -> bytes:
    return packed({"project.json": json.dumps(document).encode()})


def refused(data: bytes, *words: str) -> str:
    with pytest.raises(ProjectFileError) as caught:
        from_bytes(data, "mine.netproj")
    message = str(caught.value)
    assert message.startswith("“mine.netproj” cannot be opened: ")
    assert message.endswith(".")
    assert "Nothing was loaded" in message
    for word in words:
        assert word in message
    return message


# The file around the project


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"\x89PNG\r\n" * 20, b"PK\x05\x06" + b"\xff" * 18, b"PK\x05\x06" + b"\0" * 18]
)
def test_that_a_file_which_is_no_zip_or_empty_is_refused(data):
    refused(data)


def test_that_every_truncation_is_refused(members):
    data = packed({"project.json": members["project.json"]})
    for length in range(0, len(data), 37):
        refused(data[:length])


def test_that_something_appended_is_refused(members):
    refused(packed(members) + b"\0", "not a project file")


@pytest.mark.parametrize(
    "name", ["../evil.json", "/etc/passwd", "runs/../project.json", "runs/a/b/run.json", "C:\\x.json", "notes.txt",
             "runs/.../run.json", "runs/a/evil.so", "runs//run.json", "project.json/", "runs/-a/run.json"]
)  # fmt: skip
def test_that_unexpected_names_are_refused(members, name):
    refused(packed({**members, name: b"{}"}), "does not belong")


def test_that_a_name_cut_by_a_zero_byte_is_refused(members):
    data = packed({**members, "project.json!evil": b"{}"}).replace(
        b"project.json!evil", b"project.json\0evil"
    )
    refused(data)


def test_that_a_member_held_twice_is_refused(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("project.json", members["project.json"])
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("project.json", members["project.json"])
    refused(stream.getvalue(), "project.json twice")


def test_that_a_link_is_refused(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("project.json")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    refused(stream.getvalue(), "link")


def test_that_encryption_is_refused(members):
    data = bytearray(packed({"project.json": members["project.json"]}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    refused(bytes(data), "encrypted", "without a password")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_that_other_compressions_are_refused(members, method):
    refused(packed(members, method), "compressed in a way")


def test_that_compressed_tensors_are_refused(members):
    refused(packed(members, zipfile.ZIP_DEFLATED), "compressed in a way")


def test_that_a_zip_bomb_is_refused_unread(monkeypatch):
    bomb = packed({"project.json": b" " * (JSON_LIMIT - 10)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 20_000
    refused(bomb, "zip bomb")


def test_that_json_above_the_limit_is_refused():
    refused(packed({"project.json": b" " * (JSON_LIMIT + 1)}), "at most 16 MiB")


def test_that_a_length_which_lies_is_refused():
    bomb = bytearray(packed({"project.json": os.urandom(100) + b" " * JSON_LIMIT}, zipfile.ZIP_DEFLATED))
    directory = bomb.index(b"PK\x01\x02")
    struct.pack_into("<L", bomb, directory + 24, 2000)
    refused(bytes(bomb), "project.json")


def test_that_parts_which_overlap_are_refused(members):
    small = {"project.json": members["project.json"], "runs/a/run.json": members["project.json"]}
    data = bytearray(packed(small))
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    # Both directory entries claim the bytes from the start to the end.
    for place in (first, second):
        struct.pack_into("<LL", data, place + 20, len(data) - 100, len(data) - 100)
    refused(bytes(data), "overlap")


def test_that_a_directory_too_long_to_be_ours_is_refused_before_it_is_read(members):
    data = bytearray(packed(members))
    struct.pack_into("<L", data, len(data) - 10, 2**31)
    refused(bytes(data), "not a project file")
    data = bytearray(packed(members))
    struct.pack_into("<HH", data, len(data) - 14, 60000, 60000)
    refused(bytes(data), "not a project file")


def test_that_a_large_directory_record_that_lies_is_refused(members):
    data = packed(members)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 5, 5, 2**40, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(data) - 22, 1)
    refused(data[:-22] + record + locator + data[-22:], "not a project file")


def test_that_a_changed_byte_in_a_tensor_is_noticed_by_its_checksum(members):
    data = bytearray(packed(members))
    data[data.index(members[CHECKPOINT]) + len(members[CHECKPOINT]) - 3] ^= 1
    refused(bytes(data), CHECKPOINT, "damaged")


# The JSON of the project


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "not valid JSON"), (b"{", "not valid JSON"), (b"\xff\xfe", "not valid JSON"),
        (b"[]", "not a JSON object"), (b"[" * 100_000, "not valid JSON"),
        (b'{"a":' * 500 + b"1" + b"}" * 500, "levels deep"),
        (b'{"a": NaN}', "not valid JSON"), (b'{"a": 1' + b"0" * 5000 + b"}", "project.json"),
        (b'{"a": 1e999}', "not valid JSON"), (b"{}", "gabor-project"), (b'{"format": "other"}', "gabor-project"),
    ],
)  # fmt: skip
def test_that_json_which_is_none_of_ours_is_refused(text, words):
    refused(packed({"project.json": text}), words)


def test_that_a_great_many_small_values_are_refused(document):
    document["extra"] = [[]] * 1_000_001
    refused(with_document(document), "more than 1000000 values")


def test_that_a_lack_of_memory_is_told(project, monkeypatch):
    data = to_bytes(project)

    def exhausted(archive, name):
        raise MemoryError

    monkeypatch.setattr(Archive, "read", exhausted)
    with pytest.raises(ProjectFileError, match="not enough memory"):
        from_bytes(data)


def test_that_a_newer_schema_is_refused_naming_both(document):
    document["schema"] = SCHEMA + 41
    refused(with_document(document), f"schema {SCHEMA + 41}", f"up to {SCHEMA}", "Update Gabor")


@pytest.mark.parametrize("schema", [0, -1, True, "1", 1.0, None, 2**80])
def test_that_a_schema_which_is_no_number_of_ours_is_refused(document, schema):
    document["schema"] = schema
    refused(with_document(document))


def test_that_an_older_schema_is_migrated_step_by_step(monkeypatch, document):
    def rename(old):
        return {**{key: value for key, value in old.items() if key != "title"}, "name": old["title"]}

    monkeypatch.setattr(project_json, "SCHEMA", 3)
    monkeypatch.setitem(project_json.MIGRATIONS, 1, rename)
    monkeypatch.setitem(project_json.MIGRATIONS, 2, lambda old: {**old, "name": old["name"].upper()})
    document |= {"schema": 1, "title": document.pop("name")}
    document["runs"] = []
    assert from_bytes(with_document(document)).project.name == "SMALL"
    monkeypatch.delitem(project_json.MIGRATIONS, 2)
    refused(with_document(document), "schema 2", "older")


def edge(source: str, target: str, port: int = 0) -> dict:
    return {"source": source, "target": target, "port": port}


MUTATIONS = {
    "unknown field": (lambda d: d.update(extra=1), "extra"),
    "state of a frame that is not there": (lambda d: d["frames"].update(Gone={}), "Gone"),
    "state of a frame that is no flag": (lambda d: d["frames"]["Eyes"].update(folded=1), "folded"),
    "two blocks of one name": (lambda d: d["blocks"].append(d["blocks"][0]), "two blocks called 'Pair'"),
    "block without a name": (lambda d: d["blocks"][0].update(name=""), "name"),
    "block without nodes": (lambda d: d["blocks"][0].update(nodes=[]), "nodes"),
    "block with a dangling edge": (lambda d: d["blocks"][0]["edges"].append(edge("convolution-1", "gone")), "gone"),
    "block whose input leads nowhere": (lambda d: d["blocks"][0].update(inputs=[[["gone", 0]]]), "leads nowhere"),
    "block whose input is empty": (lambda d: d["blocks"][0].update(inputs=[[]]), "leads nowhere"),
    "block whose port is not there": (
        lambda d: d["blocks"][0].update(inputs=[[["convolution-1", 7]]]), "leads nowhere",
    ),
    "block whose output is not there": (lambda d: d["blocks"][0].update(outputs=["gone"]), "leads nowhere"),
    "block with a place in the far": (
        lambda d: d["blocks"][0]["layout"].update({"convolution-1": [1e300, 0]}), "not a point",
    ),
    "label that is too long": (lambda d: d["nodes"][1].update(exposed={"filters": "x" * 100}), "exposed"),
    "missing nodes": (lambda d: d.pop("nodes"), "nodes"),
    "nodes of wrong type": (lambda d: d.update(nodes={}), "nodes"),
    "node without id": (lambda d: d["nodes"][0].pop("id"), "nodes[0]"),
    "node with a slash in its id": (lambda d: d["nodes"][0].update(id="a/b"), "id"),
    "two nodes of one id": (lambda d: d["nodes"].append(d["nodes"][0]), "Two nodes"),
    "too many nodes": (lambda d: d.update(nodes=d["nodes"] * 2000), "10000"),
    "unknown field of a node": (lambda d: d["nodes"][0].update(colour="red"), "colour"),
    "muted that is no flag": (lambda d: d["nodes"][0].update(muted=1), "muted"),
    "unknown setting": (lambda d: d["nodes"][1]["settings"].update(kernel=3), "kernel"),
    "setting of wrong type": (lambda d: d["nodes"][1]["settings"].update(filters="many"), "Filters"),
    "setting too large": (lambda d: d["nodes"][1]["settings"].update(filters=10**9), "at most"),
    "setting of absurd size": (lambda d: d["nodes"][1]["settings"].update(filters=10**400), "too large"),
    "size with three axes": (lambda d: d["nodes"][1]["settings"].update(size=[1, 2, 3]), "Filter size"),
    "negative padding": (lambda d: d["nodes"][1]["settings"].update(padding=-1), "Padding"),
    "dangling edge": (lambda d: d["edges"].append(edge("relu-1", "gone")), "gone"),
    "cycle": (lambda d: (d["edges"].pop(1), d["edges"].append(edge("relu-1", "batch_normalisation-1"))), "cycle"),
    "input filled twice": (lambda d: d["edges"].append(edge("input-1", "relu-1")), "filled"),
    "edge twice": (lambda d: d["edges"].append(d["edges"][0]), "twice"),
    "input that is not there": (lambda d: d["edges"].append(edge("input-1", "relu-1", 4)), "input 5"),
    "edge out of the end": (
        lambda d: d["edges"].append(edge("softmax_classifier-1", "x")), "'x'",
    ),
    "negative port": (lambda d: d["edges"][0].update(port=-1), "port"),
    "place of no node": (lambda d: d["layout"].update(gone=[0, 0]), "gone"),
    "place far away": (lambda d: d["layout"].update({"relu-1": [1e300, 0]}), "ReLU 1"),
    "place with one number": (lambda d: d["layout"].update({"relu-1": [1]}), "layout"),
    "learning rate out of range": (lambda d: d["training"].update(learning_rate=-1), "Learning rate"),
    "unknown optimiser": (lambda d: d["training"].update(optimizer="lion"), "lion"),
    "batch of nothing": (lambda d: d["training"].update(batch_size=0), "batch_size"),
    "unknown data set": (lambda d: d["data"].update(dataset="imagenet"), "imagenet"),
    "fraction out of range": (lambda d: d["data"].update(validation_fraction=1.5), "fraction"),
    "folder with a zero byte": (lambda d: d["data"].update(folder="/a\0b"), "characters"),
    "runs of wrong type": (lambda d: d.update(runs="run-1"), "list of runs"),
    "name of a megabyte": (lambda d: d.update(name="x" * 10**6), "name"),
}  # fmt: skip


@pytest.mark.parametrize("case", MUTATIONS)
def test_that_a_project_with_a_fault_is_refused_by_its_name(document, case):
    mutate, word = MUTATIONS[case]
    document["runs"] = []
    mutate(document)
    message = refused(with_document(document), "in project.json", word)
    assert len(message) < 1000


@pytest.mark.parametrize(("levels", "inputs"), [(80, 2), (3000, 32)])
def test_that_channels_which_grow_beyond_all_limits_are_refused(document, levels, inputs):
    nodes = [{"id": "i", "name": "I", "type": "input", "settings": {}}]
    edges = []
    for level in range(levels):
        nodes.append({"id": f"c{level}", "name": "C", "type": "concatenate", "settings": {}})
        before = f"c{level - 1}" if level else "i"
        edges += [{"source": before, "target": f"c{level}", "port": port} for port in range(inputs)]
    document.update(nodes=nodes, edges=edges, layout={}, runs=[])
    refused(with_document(document), "beyond all limits")


# Runs and tensors


def with_tensors(members, name, change) -> bytes:
    tensors = dict(safetensors.numpy.load(members[name]))
    change(tensors)
    return packed({**members, name: safetensors.numpy.save(tensors)})


def with_header(members, name, change) -> bytes:
    data = members[name]
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return packed({**members, name: len(text).to_bytes(8, "little") + text + data[8 + length :]})


W = "parameter/convolution-1/weight"
NAN = np.full((2, 1, 3, 3), np.nan, np.float32)
TENSOR_FAULTS = {
    "wrong shape": (
        lambda t: t.update({W: np.zeros((2, 1, 5, 5), np.float32)}),
        "weight of 2×1×3×3",
    ),
    "not finite": (lambda t: t.update({W: NAN}), "not finite"),
    "infinite": (lambda t: t.update({W: -1 / np.zeros((2, 1, 3, 3), np.float32) * np.inf}), "not finite"),
    "missing": (lambda t: t.pop(W), f"lacks '{W}'"),
    "missing in the optimiser": (lambda t: t.pop("optimizer/m/convolution-1/bias"), "lacks 'optimizer/m"),
    "of no node": (lambda t: t.update({"parameter/gone/weight": np.zeros(3)}), "gone"),
    "of no kind": (lambda t: t.update(weights=np.zeros(3)), "weights"),
    "without a step": (lambda t: t.pop("step"), "which step"),
    "after a negative step": (lambda t: t.update(step=np.array(-1)), "step -1"),
    "ahead of the history": (lambda t: t.update(step=np.array(21)), "step 21"),
    "of another type": (lambda t: t.update({W: np.zeros((2, 1, 3, 3), np.float16)}), "F16"),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("case", TENSOR_FAULTS)
def test_that_a_checkpoint_with_a_fault_is_refused_by_its_name(members, case):
    change, words = TENSOR_FAULTS[case]
    refused(with_tensors(members, CHECKPOINT, change), "run-1", words)


HEADER_FAULTS = {
    "outside": (lambda h: h[W].update(data_offsets=[0, 10**12]), "outside"),
    "backwards": (lambda h: h[W].update(data_offsets=[72, 0]), "outside"),
    "negative": (lambda h: h[W].update(shape=[-2, -1, 3, 3]), "not possible"),
    "absurd": (lambda h: h[W].update(shape=[2**39, 2**39, 2**39]), "does not fit"),
    "overlapping": (lambda h: h[W].update(data_offsets=[0, 72]), "overlap"),
    "unknown type": (lambda h: h[W].update(dtype="F8"), "F8"),
    "missing type": (lambda h: h[W].pop("dtype"), "described wrongly"),
    "unknown field": (lambda h: h[W].update(extra=1), "described wrongly"),
    "no object": (lambda h: h.update({W: 3}), "described wrongly"),
    "metadata": (lambda h: h.update(__metadata__=[1]), "metadata"),
    "values left over": (lambda h: h.pop(max(h, key=lambda name: h[name]["data_offsets"][1])), "describes"),
}


@pytest.mark.parametrize("case", HEADER_FAULTS)
def test_that_a_tensor_header_with_a_fault_is_refused(members, case):
    change, words = HEADER_FAULTS[case]
    refused(with_header(members, CHECKPOINT, change), "in checkpoint.safetensors", words)


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\x02\0\0\0\0\0\0\0[]", b"\x05\0\0\0\0\0\0\0{}"]
)
def test_that_a_header_length_that_lies_is_refused(members, data):
    refused(packed({**members, CHECKPOINT: data}), "in checkpoint.safetensors", "header")


def test_that_history_columns_of_different_length_are_refused(members):
    refused(with_tensors(members, HISTORY, lambda t: t.update(train_loss=np.zeros(19))), "history")
    refused(with_tensors(members, HISTORY, lambda t: t.pop("train_loss")), "history")
    refused(
        with_tensors(members, HISTORY, lambda t: t.update(train_loss=np.zeros(20, np.float32))), "history"
    )


@pytest.mark.parametrize("file", ["snapshots", "evaluations"])
def test_that_pictures_which_do_not_belong_to_their_steps_are_refused(members, file):
    name = f"runs/run-1/{file}.safetensors"
    refused(
        with_tensors(members, name, lambda t: t.update(step=np.zeros(1, np.int64))), f"{file}.safetensors"
    )
    refused(with_tensors(members, name, lambda t: t.update(step=t["step"] - 50)), "not possible")
    refused(with_tensors(members, name, lambda t: t.update(confusion=t["confusion"] - 50)), "fewer than no")
    refused(with_tensors(members, name, lambda t: t.update(confusion=t["confusion"][:, :2])), "squares")
    refused(with_tensors(members, name, lambda t: t.update(confusion=t["confusion"][:, :2, :2])), "squares")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"status": "exploded"}, "exploded"), ({"seconds": -1}, "seconds"), ({"id": "run-2"}, "run-2"),
        ({"schema": 7}, "schema 7"), ({"format": "x"}, "gabor-run"), ({"filters_node": "gone"}, "filters"),
        ({"threads": 1.5}, "threads"), ({"class_names": ["a"]}, "confusion"), ({"extra": 1}, "extra"),
        ({"project": {}}, "gabor-project"),
    ],
)  # fmt: skip
def test_that_facts_of_a_run_with_a_fault_are_refused(members, changes, word):
    facts = {**json.loads(members["runs/run-1/run.json"]), **changes}
    refused(packed({**members, "runs/run-1/run.json": json.dumps(facts).encode()}), "run-1", word)


def test_that_a_run_without_its_facts_or_unlisted_is_refused(members, document):
    refused(
        packed({name: data for name, data in members.items() if not name.endswith("run.json")}), "run.json"
    )
    refused(packed({name: data for name, data in members.items() if name == "project.json"}), "runs")
    document["runs"] = []
    refused(packed({**members, "project.json": json.dumps(document).encode()}), "runs")


def test_that_a_checkpoint_of_a_design_that_cannot_train_is_refused(members):
    facts = json.loads(members["runs/run-1/run.json"])
    facts["project"]["nodes"][1]["settings"]["size"] = [50, 50]
    refused(
        packed({**members, "runs/run-1/run.json": json.dumps(facts).encode()}), "cannot have been trained"
    )


def test_that_a_project_opens_without_its_damaged_runs_where_that_is_asked(tmp_path, project, run):
    path = tmp_path / "a.netproj"
    project_file.save(path, project, [run, replace(run, id="run-2")])
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("runs/run-1/history.safetensors").header_offset + 200
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DamagedRunsError, match=r"run 'run-1', .*damaged .its checksum is wrong."):
        load(path)
    found = load(path, without_damaged_runs=True)
    assert found.project == project
    assert [one.id for one in found.runs] == ["run-2"]
    assert path.read_bytes() == data


# Paths


def test_that_a_missing_file_a_folder_and_a_pipe_are_told(tmp_path):
    with pytest.raises(ProjectFileError, match="no such file"):
        load(tmp_path / "gone.netproj")
    with pytest.raises(ProjectFileError, match="not a file"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe.netproj")
    with pytest.raises(ProjectFileError, match="not a file"):
        load(tmp_path / "pipe.netproj")
    with pytest.raises(ProjectFileError, match="cannot be opened"):
        load("a\0b")


def test_that_a_file_without_permission_is_told(tmp_path, project, monkeypatch):
    project_file.save(tmp_path / "a.netproj", project)

    def deny(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", deny)
    with pytest.raises(ProjectFileError, match="permission"):
        load(tmp_path / "a.netproj")


def test_that_the_name_of_the_file_stands_in_the_message(tmp_path):
    (tmp_path / "broken.netproj").write_bytes(zlib.compress(b"x"))
    with pytest.raises(ProjectFileError, match=r"broken\.netproj"):
        load(tmp_path / "broken.netproj")


def test_that_a_run_whose_name_is_no_file_name_is_not_saved(project, run):
    with pytest.raises(ProjectFileError, match="not a possible id"):
        to_bytes(project, [replace(run, id="../evil")])

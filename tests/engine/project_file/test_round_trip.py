import errno
import io
import json
import os
import zipfile
from dataclasses import replace
from types import MappingProxyType

import hypothesis.strategies as st
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given

from engine.design import edits
from engine.design.graph import Edge, Graph, Node
from engine.errors import ProjectFileError
from engine.layers import REGISTRY, make_layer, settings_of
from engine.layers.placeholder import Placeholder
from engine.project import Project
from engine.project_file import from_bytes, load, save, to_bytes
from engine.project_file.atomic import replace_file
from engine.project_file.run_files import decode_run, encode_run
from engine.project_file.tensors import encode_tensors
from engine.settings import TrainingSettings
from engine.training.run import Run
from engine.training.timeline import Stretch

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
REAL = st.floats(-1e6, 1e6, allow_nan=False)


def value_of(setting) -> st.SearchStrategy:
    least, most = int(setting.minimum or 0), int(min(setting.maximum or 0, 1000))
    whole = st.integers(least, most)
    lengths = {"size": 2, "padding": 4, "shape": 3}
    if setting.kind in lengths:
        return st.tuples(*[whole] * lengths[setting.kind])
    kinds = {
        "flag": st.booleans(),
        "choice": st.sampled_from(setting.choices or ("",)),
        "integer": whole,
        "real": st.floats(setting.minimum, setting.maximum),
    }
    return kinds[setting.kind]


@st.composite
def layers(draw):
    name = draw(st.sampled_from(sorted(REGISTRY)))
    chosen = {declared.name: draw(value_of(declared)) for declared in settings_of(REGISTRY[name])}
    return make_layer(name, chosen)


@st.composite
def projects(draw) -> Project:
    graph = Graph()
    for layer in draw(st.lists(layers(), max_size=6)):
        graph, node = edits.add_layer(graph, layer)
        renamed = replace(node, name=draw(TEXT.filter(bool)), muted=draw(st.booleans()), frame=draw(TEXT))
        graph = graph.with_nodes(renamed)
    ids = list(graph.nodes)
    for target in ids:
        for source in draw(st.lists(st.sampled_from(ids), max_size=2)):
            if not edits.refusal(graph, source, target):
                graph = edits.connect(graph, source, target)
    layout = {
        node_id: (draw(REAL), draw(REAL))
        for node_id in draw(st.sets(st.sampled_from(ids)) if ids else st.just(()))
    }
    training = TrainingSettings(
        learning_rate=draw(st.floats(0, 100)),
        seed=draw(st.integers(0, 2**62)),
        epochs=draw(st.integers(1, 10**6)),
    )
    return Project(graph, MappingProxyType(layout), training=training, name=draw(TEXT), notes=draw(TEXT))


@given(projects())
def test_that_any_project_comes_back_equal(project):
    assert from_bytes(to_bytes(project)).project == project


def test_that_a_trained_project_comes_back_bit_for_bit(tmp_path, project, run, make_run, same_run):
    runs = (run, make_run(project, "run-0", seed=2))
    save(tmp_path / "trained.netproj", project, runs)
    found = load(tmp_path / "trained.netproj")
    assert found.project == project
    assert [run.id for run in found.runs] == ["run-1", "run-0"]
    for one, other in zip(found.runs, runs, strict=True):
        same_run(one, other)


def test_that_a_run_without_results_comes_back(project, same_run):
    run = Run(id="fresh", project=project, created="", status="stopped")
    same_run(from_bytes(to_bytes(project, [run])).runs[0], run)


def test_that_a_run_saved_while_it_trained_comes_back_as_paused(project, run):
    assert from_bytes(to_bytes(project, [replace(run, status="running")])).runs[0].status == "paused"


def test_that_a_run_keeps_the_design_it_was_trained_with(project, run):
    later = replace(
        project, graph=edits.set_settings(project.graph, "convolution-1", filters=7), name="Later"
    )
    found = from_bytes(to_bytes(later, [run]))
    assert found.project == later
    assert found.runs[0].project == project


def test_that_float64_and_int64_tensors_keep_their_types(project, run):
    tensors = {name: tensor.astype(np.float64) for name, tensor in run.checkpoint.tensors.items()}
    wide = replace(run, checkpoint=replace(run.checkpoint, tensors=tensors))
    found = from_bytes(to_bytes(project, [wide])).runs[0].checkpoint.tensors
    assert {tensor.dtype for tensor in found.values()} == {np.dtype(np.float64)}


def test_that_the_same_content_gives_the_same_bytes(project, run):
    assert to_bytes(project, [run]) == to_bytes(project, [run])
    again = from_bytes(to_bytes(project, [run]))
    assert to_bytes(again.project, again.runs) == to_bytes(project, [run])


def test_that_frames_and_blocks_come_back_and_a_file_of_before_has_none(project):
    again = from_bytes(to_bytes(project)).project
    assert again == project
    assert again.folded == {"Eyes"}
    assert again.blocks["Pair"].settings[0].label == "Filters"
    with zipfile.ZipFile(io.BytesIO(to_bytes(project))) as archive:
        document = json.loads(archive.read("project.json"))
    for name in ("frames", "blocks"):
        del document[name]
    for node in document["nodes"]:
        node.pop("exposed", None)
    document["schema"] = 1
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("project.json", json.dumps(document))
    old = from_bytes(stream.getvalue()).project
    assert (old.frames, old.blocks) == ({}, {})
    assert old.layout == project.layout


def test_that_the_file_is_a_zip_of_readable_json_and_safetensors(project, run):
    with zipfile.ZipFile(io.BytesIO(to_bytes(project, [run]))) as archive:
        document = json.loads(archive.read("project.json"))
        tensors = safetensors.numpy.load(archive.read("runs/run-1/checkpoint.safetensors"))
        kinds = {info.filename.rpartition(".")[2]: info.compress_type for info in archive.infolist()}
    assert (document["format"], document["schema"]) == ("gabor-project", 2)
    assert document["nodes"][1]["settings"]["size"] == [3, 3]
    assert list(document) == sorted(document)
    np.testing.assert_array_equal(
        tensors["parameter/convolution-1/weight"], run.checkpoint.tensors["parameter/convolution-1/weight"]
    )
    assert kinds == {"json": zipfile.ZIP_DEFLATED, "safetensors": zipfile.ZIP_STORED}


def test_that_an_unknown_layer_type_is_kept_and_saved_back_unchanged(project):
    raw = {"heads": 8, "rate": 1e-30, "deep": {"b": [1, 2.5, None, True], "a": "ü"}, "big": 2**63}
    unknown = Node(
        "attention-1", "Attention 1", Placeholder(unknown_type="attention", raw_settings=raw), frame="top"
    )
    graph = project.graph.with_nodes(unknown)
    graph = graph.with_edges([*graph.edges, Edge("relu-1", "attention-1", 3)])
    data = to_bytes(replace(project, graph=graph))
    found = from_bytes(data)
    layer = found.project.graph.nodes["attention-1"].layer
    assert isinstance(layer, Placeholder)
    assert layer.raw_settings == raw
    assert to_bytes(found.project) == data


def test_that_a_node_of_an_unknown_type_can_be_copied(project):
    unknown = Node("swish-1", "Swish 1", Placeholder(unknown_type="swish", raw_settings={"beta": 1}))
    graph, ids = edits.paste(project.graph.with_nodes(unknown), [unknown], [])
    assert ids == {"swish-1": "swish-2"}
    assert from_bytes(to_bytes(replace(project, graph=graph))).project.graph == graph


def test_that_a_run_of_an_older_version_gets_its_learning_rate_and_its_epochs(project, run):
    old = {name: values for name, values in run.history.items() if name != "learning_rate"}
    old["validation_loss"] = np.arange(20.0)
    facts = json.loads(dict(encode_run(run))["run.json"]())
    for name in ("changes", "stretches", "fork_step", "result_step"):
        del facts[name]
    parts = {"run.json": json.dumps(facts).encode(), "history.safetensors": encode_tensors(old)}
    found = decode_run(parts, parts.__getitem__, run.id)
    np.testing.assert_array_equal(found.history["learning_rate"], np.full(20, 0.001))
    assert [(e.step, e.epoch, e.validation_loss) for e in found.epochs] == [(10, 1, 4.5), (20, 2, 14.5)]
    assert np.isnan(found.epochs[0].whole_loss)
    assert found.timeline.place(13) == (1, 3, 10)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": [20, 10]}, "epochs do not follow"),
        ({"epochs": [10, 21]}, "epochs do not follow"),
        ({"changes": [7, 5]}, "does not follow its steps"),
        ({"stretches": (Stretch(5, 0, 10),)}, "lengths of its epochs"),
        ({"stretches": (Stretch(0, 0, 0),)}, "lengths of its epochs"),
    ],
)
def test_that_a_course_out_of_order_is_refused(project, run, changes, words):
    for name in {"epochs", "changes"} & changes.keys():
        events = zip(getattr(run, name), changes[name], strict=True)
        changes = {name: tuple(replace(event, step=step) for event, step in events)}
    with pytest.raises(ProjectFileError, match=words):
        to_bytes(project, [replace(run, **changes)])


def test_that_a_checkpoint_behind_an_unknown_layer_type_is_kept(project, run, same_run):
    nodes = dict(project.graph.nodes)
    nodes["relu-1"] = replace(nodes["relu-1"], layer=Placeholder(unknown_type="swish", raw_settings={}))
    unknown = replace(project, graph=Graph(MappingProxyType(nodes), project.graph.edges))
    other = replace(run, project=unknown)
    same_run(from_bytes(to_bytes(unknown, [other])).runs[0], other)


def test_that_notes_which_deflate_like_a_bomb_are_still_readable(project):
    wordy = replace(project, notes="a" * 900_000)
    assert from_bytes(to_bytes(wordy)).project == wordy


def test_that_ten_thousand_nodes_are_saved_and_read():
    nodes = [Node(f"relu-{n}", f"ReLU {n}", make_layer("relu")) for n in range(10_000)]
    graph = Graph.of(nodes, [Edge(f"relu-{n}", f"relu-{n + 1}") for n in range(9_999)])
    project = Project(graph, {node.id: (0.0, 1.0) for node in nodes})
    assert from_bytes(to_bytes(project)).project == project


def test_that_saving_replaces_an_older_file_and_leaves_nothing_else(tmp_path, project):
    path = tmp_path / "a.netproj"
    save(path, project)
    path.chmod(0o640)
    save(path, replace(project, name="Second"))
    assert load(path).project.name == "Second"
    assert os.listdir(tmp_path) == ["a.netproj"]
    assert path.stat().st_mode & 0o777 == 0o640


def test_that_saving_through_a_link_writes_the_file_it_points_to(tmp_path, project):
    (tmp_path / "link.netproj").symlink_to(tmp_path / "real.netproj")
    save(tmp_path / "link.netproj", project)
    assert (tmp_path / "link.netproj").is_symlink()
    assert load(tmp_path / "real.netproj").project == project


@pytest.mark.parametrize(
    ("errno_name", "words"), [("ENOSPC", "disk is full"), ("EACCES", "no permission"), ("EROFS", "read-only")]
)
def test_that_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path, project, monkeypatch, errno_name, words
):
    path = tmp_path / "kept.netproj"
    save(path, project)
    before = path.read_bytes()
    number = getattr(errno, errno_name)

    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ProjectFileError, match=words):
        save(path, replace(project, name="Second"))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["kept.netproj"]


def test_that_a_full_disk_is_told_and_leaves_the_old_file(tmp_path, project, run):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(ProjectFileError, match="disk is full"):
        replace_file(tmp_path / "new.netproj", lambda stream: full.write(to_bytes(project, [run])))
    assert os.listdir(tmp_path) == []


def test_that_a_missing_folder_a_folder_and_a_senseless_name_are_told(tmp_path, project):
    with pytest.raises(ProjectFileError, match="folder does not exist"):
        save(tmp_path / "missing" / "a.netproj", project)
    with pytest.raises(ProjectFileError, match="is a folder"):
        save(tmp_path, project)
    with pytest.raises(ProjectFileError, match="not a possible file name"):
        save(f"{tmp_path}/a\0b.netproj", project)


def test_that_what_could_not_be_read_back_is_not_written(tmp_path, project, run):
    path = tmp_path / "a.netproj"
    for bad in (
        replace(project, layout={"relu-1": (float("nan"), 0.0)}),
        replace(project, notes="\ud800"),
        replace(project, training=TrainingSettings(learning_rate=float("inf"))),
    ):
        with pytest.raises(ProjectFileError, match="cannot be saved"):
            save(path, bad)
    tensors = {**run.checkpoint.tensors, "parameter/convolution-1/bias": np.array([1, np.nan], np.float32)}
    with pytest.raises(ProjectFileError, match="not finite"):
        save(path, project, [replace(run, checkpoint=replace(run.checkpoint, tensors=tensors))])
    with pytest.raises(ProjectFileError, match="names one twice"):
        save(path, project, [run, run])
    assert os.listdir(tmp_path) == []

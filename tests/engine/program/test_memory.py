"""What training needs is known before, and told with a batch size that fits where a device has less."""

import gc
import logging
import re
from dataclasses import replace

import msgspec
import pytest

from engine.data.datasets import load_dataset
from engine.data.preparation import prepare
from engine.errors import DeviceError
from engine.program import forecast as forecasts
from engine.program.compiled import CompiledNetwork
from engine.program.cost import cost_of, largest_batch
from engine.program.forecast import forecast
from engine.program.programs import programs_of, training_program
from engine.program.trace import DataSizes
from engine.templates import TEMPLATES
from engine.tensor.array_ops import KERNELS
from engine.tensor.cuda import workspaces
from engine.tensor.cuda.convolution_task import tasks_of
from engine.tensor.cuda.plan_cache import KeptPlan, PlanCache
from engine.tensor.device import OutOfMemoryError
from engine.tensor.fused_ops import FUSED_KERNELS
from engine.tensor.numpy_ops import CpuDevice
from tests.engine.small_networks import network_of

MEBIBYTE = 1 << 20


def project(name="mnist-sample", **settings):
    built = TEMPLATES[name].build()
    return replace(built, training=msgspec.structs.replace(built.training, **settings))


def compiled(design, device):
    data = prepare(load_dataset("mnist-sample"), design.data)
    return CompiledNetwork(network_of(design.graph, data), device, design.training, data)


class Bounded(CpuDevice):
    """A device with so many bytes, which are all that `empty` and `zeros` ever give."""

    has_own_memory = True

    def __init__(self, size, told=None):
        super().__init__(1)
        self.left = size
        self.told = told

    def free_memory(self):
        return self.left if self.told is None else self.told

    def _taken(self, array):
        self.left -= array.nbytes
        if self.left < 0:
            raise OutOfMemoryError("Nothing is left.")
        return array

    def empty(self, shape, dtype):
        return self._taken(super().empty(shape, dtype))

    def zeros(self, shape, dtype):
        return self._taken(super().zeros(shape, dtype))


def test_that_one_arena_serves_training_and_looking():
    design = project(batch_size=20, device="cpu")
    network = compiled(design, CpuDevice(1))
    programs = (network._training, network._validation)
    assert programs[0]._memory is programs[1]._memory
    assert network.memory()["activations"] == max(program.plan.size for program in programs)
    for _ in network.classify("test"):
        break
    assert network._evaluations["test"]._memory is programs[0]._memory


def test_that_the_largest_batch_is_the_largest_that_fits():
    for free in (70 * MEBIBYTE, 100 * MEBIBYTE, 300 * MEBIBYTE):
        largest = largest_batch(project(device="cpu"), free)
        assert 1 <= largest < 3750
        # Found in a few steps along a line, so that the last few images may be missing.
        assert sum(cost_of(project(device="cpu", batch_size=largest)).memory.values()) <= free
        over = project(device="cpu", batch_size=largest + max(1, largest // 50))
        assert sum(cost_of(over).memory.values()) > free


def test_that_no_batch_fits_where_the_parameters_do_not_and_all_images_do_where_there_is_plenty():
    assert largest_batch(project(device="cpu"), 40 * MEBIBYTE) == 0
    assert largest_batch(project(device="cpu"), 1 << 40) == 3750


def test_that_a_training_too_large_for_its_device_is_refused_before_memory_is_taken():
    device = Bounded(120 * MEBIBYTE)
    with pytest.raises(DeviceError) as caught:
        compiled(project(device="cpu", batch_size=3000), device)
    assert device.left == 120 * MEBIBYTE
    message = str(caught.value)
    assert "at batches of 3,000 needs" in message
    assert "4.5 MiB of it for the data set" in message
    assert "120 MiB left" in message
    fitting = int(message.split("at most ")[1].split(",")[0])
    assert 100 < fitting < 3000
    # What is advised does train on what is left, and the program is as it was.
    network = compiled(project(device="cpu", batch_size=fitting), device)
    network.initialise(1)


def test_that_memory_which_is_missing_all_the_same_is_told_with_a_smaller_batch():
    device = Bounded(55 * MEBIBYTE, told=1 << 40)
    with pytest.raises(DeviceError, match=r"batches of 100 needs .* Choose a batch size of at most 75"):
        compiled(project(device="cpu"), device)


def test_that_the_forecast_tells_what_is_left_and_what_fits(monkeypatch):
    left = {"cpu": 70 * MEBIBYTE, "cuda": 0}
    monkeypatch.setattr(forecasts, "free_memory", left.__getitem__)
    told = forecast(project(device="cpu"))
    assert told.fits
    most = re.search(
        r"takes 62\.\d MiB with its data, of 70\.0 MiB left on this computer; batches of up to (\d+) fit",
        told.sentence(),
    )
    assert most is not None
    assert 100 < int(most[1]) < 1000
    assert dict(told.table())["data set"] == "4.5 MiB"
    assert "workspaces" not in dict(told.table())
    over = forecast(project(device="cpu", batch_size=2000))
    assert not over.fits
    assert (
        f"this computer has 70.0 MiB left: choose a batch size of at most {told.largest_batch}."
        in over.sentence()
    )
    left["cpu"] = MEBIBYTE
    assert forecast(project(device="cpu")).sentence().endswith("1.0 MiB left: make the network smaller.")


def test_that_a_gpu_elsewhere_is_told_with_the_bound_of_its_workspaces(monkeypatch):
    monkeypatch.setattr(forecasts, "free_memory", lambda name: 0)
    told = forecast(project(device="cuda:3"))
    assert "workspaces (at most)" in dict(told.table())
    assert re.fullmatch(
        r"Training takes at most \d+ MiB with its data on cuda:3, which is not on this machine\.",
        told.sentence(),
    )


def gpu_operations(precision="tf32"):
    design = project("cifar10-model-b", precision=precision)
    network = network_of_shape(design)
    kernels = {**KERNELS, **FUSED_KERNELS}.keys()
    sizes = DataSizes(45_000, 5_000, 450, 10_000)
    assert training_program(network, design.training, sizes).operations
    programs = programs_of(network, design.training, sizes, kernels, is_mixed=precision == "bfloat16")
    return (*programs.training.operations, *programs.validation.operations)


def network_of_shape(design):
    from engine.design.findings import DataShape
    from engine.program.network import Network

    return Network.of(design.graph, DataShape((3, 32, 32), 10))


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_that_workspaces_are_bounded_where_no_plan_is_known_and_exact_where_all_are(precision, tmp_path):
    operations = gpu_operations(precision)
    bound = workspaces.BLAS + workspaces.PLAN_BOUND[True]
    assert workspaces.expected(operations, None, matrix_units=True) == (bound, False)
    cache = PlanCache(tmp_path / "plans.json", "GPU")
    assert workspaces.expected(operations, cache, matrix_units=True) == (bound, False)
    asked = [
        tuple(tasks_of(operation.name, operation.attributes, operation.outputs, operation.inputs))
        for operation in operations
    ]
    first = [tasks[0] for tasks in asked if tasks]
    # The second convolution forward, twice, and both of its gradients: the first layer has own kernels.
    assert [task.kind for task in first] == ["forward", "weight_gradient", "input_gradient", "forward"]
    assert {task.dtype for task in first} == {"float32" if precision == "tf32" else "uint16"}
    for number, task in enumerate(first):
        cache.keep(repr(task), KeptPlan(1, "fast", (35 + number) * MEBIBYTE - 3))
    expected = workspaces.expected(operations, cache, matrix_units=True)
    assert expected[1]
    # The first and the last are the same task, and the last entry counts.
    assert expected[0] == workspaces.BLAS + 38 * MEBIBYTE
    # What needs no more than the products do shares their workspace.
    for task in first:
        cache.keep(repr(task), KeptPlan(1, "fast", 20 * MEBIBYTE))
    assert workspaces.expected(operations, cache, matrix_units=True) == (workspaces.BLAS, True)


def test_that_a_known_choice_of_first_layers_is_kept_and_an_unknown_one_is_timed(caplog):
    from engine.program import choosing
    from engine.program.first_layer_passes import FIRST_LAYERS

    caplog.set_level(logging.DEBUG)

    class Tuning(CpuDevice):
        is_tuning = True

        def __init__(self, times):
            super().__init__(1)
            self.kernels = {**KERNELS, **FUSED_KERNELS}
            self.known = times

        def times(self, what):
            return {what: 0.0} if what.startswith("error") else self.known

        def keep_times(self, what, microseconds):
            self.known = microseconds

    design = project(batch_size=4)
    network = network_of(design.graph, prepare(load_dataset("mnist-sample"), design.data))
    program = training_program(network, design.training, DataSizes(100, 20, 25, 20))
    own = choosing.chosen_kernels(program, Tuning({"own kernel": 1.0, "cuDNN": 2.0}), design.training)
    other = choosing.chosen_kernels(program, Tuning({"own kernel": 2.0, "cuDNN": 1.0}), design.training)
    assert set(own) >= FIRST_LAYERS
    assert not set(other) & FIRST_LAYERS
    wanted = msgspec.structs.replace(design.training, convolutions="cudnn")
    assert not set(choosing.chosen_kernels(program, Tuning({}), wanted)) & FIRST_LAYERS
    unknown = Tuning({})
    choosing.chosen_kernels(program, unknown, design.training)
    assert set(unknown.known) == {"own kernel", "cuDNN"}
    assert min(unknown.known.values()) > 0


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_that_a_gpu_takes_what_was_planned(precision):
    import cupy

    from engine.tensor.cupy_ops import CudaDevice
    from tests.engine.small_networks import begin

    design = project(precision=precision, device="cuda:0")
    data = prepare(load_dataset("mnist-sample"), design.data)
    pool = cupy.get_default_memory_pool()
    device = CudaDevice(0, precision=precision)
    device.synchronize()
    gc.collect()
    before = pool.used_bytes() - workspaces.BLAS
    network = CompiledNetwork(network_of(design.graph, data), device, design.training, data)
    network.initialise(1)
    network.set_rates(design.training)
    begin(network, data)
    for _ in range(5):
        network.step()
        network.validate()
    for _ in network.classify("test"):
        pass
    device.synchronize()
    planned = sum(network.memory().values())
    assert pool.used_bytes() - before == pytest.approx(planned, rel=0.02)

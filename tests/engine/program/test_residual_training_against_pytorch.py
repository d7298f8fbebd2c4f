"""Steps of a residual network with all that `cifar10-best` asks for, against the same in PyTorch (float64)."""

import msgspec
import numpy as np
import torch
from torch.nn import functional

from benchmarks.cifar10_best_peer import Average, Twin
from engine.classic_networks import resnet9
from engine.data.preparation import prepare
from engine.templates import TEMPLATES
from engine.tensor.numpy_ops import CpuDevice
from engine.tensor.step_ops import History
from engine.training.schedules import learning_rates
from tests.engine.small_networks import compile_network, parameters_of, small_data

BATCH = 6


def test_that_steps_averages_and_tests_of_the_best_network_agree_with_pytorch() -> None:
    project = TEMPLATES["cifar10-best"].build()
    graph = resnet9((3, 32, 32), width=2)
    plain = small_data((3, 32, 32), 10, 40, 8, fraction=0.25)
    recipe = msgspec.structs.replace(
        project.data, validation_fraction=0.25, crop_padding=0, mirror=False, cutout=0
    )
    data = prepare(plain.dataset, recipe)
    settings = msgspec.structs.replace(
        project.training, batch_size=BATCH, precision="float64", epochs=3, warm_up=1.0, averaging=0.8
    )
    asked = {key: value for key, value in msgspec.structs.asdict(settings).items() if key != "device"}
    compiled = compile_network(graph, data, device=CpuDevice(2), **asked)
    twin = Twin(compiled.network).double()
    load(twin, parameters_of(compiled))
    weights = [p for p in twin.parameters() if p.dim() > 1]
    others = [p for p in twin.parameters() if p.dim() == 1]
    rule = torch.optim.SGD(
        [{"params": weights, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=1.0, momentum=settings.momentum, nesterov=True,
    )  # fmt: skip
    average = Average(twin, settings.averaging)
    rates = learning_rates(settings, 0, compiled.steps_per_epoch)
    compiled.set_learning_rates(rates)
    twin.train()
    for step in range(compiled.steps_per_epoch):
        part = slice(step * BATCH, (step + 1) * BATCH)
        for group in rule.param_groups:
            group["lr"] = rates[step]
        scores = twin(to_torch(data.apply(data.train_images[part], np.float64)))
        loss = functional.cross_entropy(
            scores, torch.tensor(data.train_labels[part].astype(np.int64)), label_smoothing=0.2
        )
        rule.zero_grad()
        loss.backward()
        rule.step()
        average.update()
        compiled.step()
        found = compiled.history(step + 1, step + 1)[0, History.TRAIN_LOSS]
        np.testing.assert_allclose(found, loss.item(), rtol=1e-8)
    assert compiled.steps_per_epoch == 5
    compare(twin, parameters_of(compiled))
    average.put_in()
    twin.eval()
    with torch.no_grad():
        views = (data.test_images, data.test_images[:, :, ::-1])
        expected = sum(
            twin(to_torch(data.apply(np.ascontiguousarray(view), np.float64))).softmax(1) for view in views
        )
    answers = np.concatenate([answer.probabilities for answer in compiled.classify("test")])
    np.testing.assert_allclose(answers, expected.numpy() / 2, rtol=1e-6, atol=1e-9)


def to_torch(x: np.ndarray) -> torch.Tensor:
    return torch.tensor(x.transpose(0, 3, 1, 2).copy())


def named(twin: Twin, key: str) -> torch.Tensor:
    """PyTorch's parameter for `node/name`."""
    node, _, name = key.rpartition("/")
    part = twin.parts[node]
    part = part[1] if isinstance(part, torch.nn.Sequential) else part
    return getattr(part, {"scale": "weight", "shift": "bias"}.get(name, name))


def load(twin: Twin, tensors: dict[str, np.ndarray]) -> None:
    with torch.no_grad():
        for key, tensor in tensors.items():
            named(twin, key).copy_(torch.tensor(tensor).reshape(named(twin, key).shape))


def compare(twin: Twin, tensors: dict[str, np.ndarray]) -> None:
    assert len(tensors) == sum(1 for _ in twin.parameters())
    for key, tensor in tensors.items():
        expected = named(twin, key).detach().numpy().reshape(tensor.shape)
        np.testing.assert_allclose(tensor, expected, rtol=1e-6, atol=1e-9, err_msg=key)

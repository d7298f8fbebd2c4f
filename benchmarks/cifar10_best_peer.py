"""A Gabor project trained in PyTorch: the twin that `cifar10_best` compares accuracies with.

The network is built from the project's own graph; data, split and preparation are Gabor's. Everything else is
PyTorch's: layers, gradients, SGD, random numbers of order, initialisation and augmentation. Channels-last, bfloat16
by autocast where the project asks for it.
"""

import time
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from engine.data.preparation import PreparedData
from engine.data.recipe import DataRecipe
from engine.design.findings import DataShape
from engine.program.network import Network
from engine.project import Project
from engine.training.schedules import learning_rates

EVALUATED = 1000


class Add(nn.Module):
    """The sum of its inputs."""

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        return sum(xs[1:], xs[0])


class Scale(nn.Module):
    """Its input times a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


def module_of(layer: Any, channels: int, features: int) -> nn.Module:
    """PyTorch's module for a layer of Gabor."""
    kind = layer.type_name
    if kind == "convolution":
        assert len(set(layer.padding)) == 1
        return nn.Conv2d(
            channels, layer.filters, layer.size, layer.stride, layer.padding[0], layer.dilation, layer.groups,
            layer.bias,
        )  # fmt: skip
    if kind == "fully_connected":
        return nn.Sequential(nn.Flatten(), nn.Linear(features, layer.outputs, layer.bias))
    if kind == "batch_normalisation":
        return nn.BatchNorm2d(channels, eps=layer.epsilon, momentum=layer.momentum)
    if kind == "max_pooling":
        return nn.MaxPool2d(layer.size, layer.stride, layer.padding[0])
    simple = {
        "input": nn.Identity, "softmax_classifier": nn.Identity, "relu": nn.ReLU, "silu": nn.SiLU, "add": Add,
    }  # fmt: skip
    if kind == "scale":
        return Scale(layer.factor)
    if kind == "gelu":
        return nn.GELU(approximate="tanh")
    return simple[kind]()


class Twin(nn.Module):
    """The project's network; scores [n, classes]."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.parts = nn.ModuleDict()
        for node in network.nodes:
            inputs = network.shapes[node.id].inputs
            sizes = (int(inputs[0].channels), int(inputs[0].features)) if inputs else (0, 0)
            self.parts[node.id] = module_of(node.layer, *sizes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: dict[str, torch.Tensor] = {}
        for node in self.network.nodes:
            inputs = [found[source] for source in self.network.sources[node.id]] or [x]
            found[node.id] = self.parts[node.id](*inputs)
        return found[self.network.classifier.id]

    def initialise(self) -> None:
        """Zero-mean Gaussians with std √(2/fan-in), √(1/fan-in) before any activation; biases 0."""
        first = self.network.before_activation()
        for node in self.network.nodes:
            for part in self.parts[node.id].modules():
                if isinstance(part, nn.Conv2d | nn.Linear):
                    gain = 1.0 if node.id in first else 2.0
                    nn.init.normal_(part.weight, 0.0, (gain / part.weight[0].numel()) ** 0.5)
                    if part.bias is not None:
                        nn.init.zeros_(part.bias)


class Images:
    """Raw images on a device, [n, C, H, W], prepared and changed as the recipe says."""

    def __init__(self, data: PreparedData, part: str, device: torch.device) -> None:
        images, labels = data.inputs[part], getattr(data, f"{part}_labels")
        shape = images.shape[1:]
        self.images = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).to(device)
        self.labels = torch.from_numpy(labels.astype(np.int64)).to(device)
        self._scale, self._offset = (
            torch.from_numpy(np.broadcast_to(value, shape).astype(np.float32)).permute(2, 0, 1).to(device)
            for value in (data.scale, data.offset)
        )

    def prepared(self, images: torch.Tensor) -> torch.Tensor:
        """Network inputs, channels-last in memory."""
        x = images.float() * self._scale + self._offset
        return x.contiguous(memory_format=torch.channels_last)

    def changed(self, index: torch.Tensor, recipe: DataRecipe) -> torch.Tensor:
        """Training images: random crop, mirror and cutout, as Gabor orders them."""
        if recipe.rotation or recipe.shift or recipe.brightness or recipe.contrast:
            raise NotImplementedError("the twin knows crop, mirror and cutout alone")
        images, (height, width) = self.images[index], self.images.shape[2:]
        n, device = len(index), images.device
        rows = torch.arange(height, device=device).expand(n, height)
        columns = torch.arange(width, device=device).expand(n, width)
        if recipe.mirror:
            mirrored = torch.rand(n, 1, device=device) < 0.5
            columns = torch.where(mirrored, width - 1 - columns, columns)
        crop = recipe.crop_padding
        if crop:
            mode = "reflect" if recipe.border == "reflect" else "constant"
            images = functional.pad(images.float(), (crop,) * 4, mode=mode)
            rows = rows + torch.randint(0, 2 * crop + 1, (n, 1), device=device)
            columns = columns + torch.randint(0, 2 * crop + 1, (n, 1), device=device)
        numbers = torch.arange(n, device=device)[:, None, None]
        taken = images.permute(0, 2, 3, 1)[numbers, rows[:, :, None], columns[:, None, :]]
        x = self.prepared(taken.permute(0, 3, 1, 2))
        if recipe.cutout:
            top, left = (
                torch.randint(0, size, (n, 1), device=device) - recipe.cutout // 2 for size in (height, width)
            )
            inside = [
                (torch.arange(size, device=device) >= first)
                & (torch.arange(size, device=device) < first + recipe.cutout)
                for size, first in ((height, top), (width, left))
            ]
            x = x.masked_fill((inside[0][:, :, None] & inside[1][:, None, :])[:, None], 0.0)
        return x


class Average:
    """Averages of weights and running statistics, by Gabor's rule."""

    def __init__(self, model: nn.Module, memory: float) -> None:
        self._memory, self._step = memory, 0
        self._live = [t for t in (*model.parameters(), *model.buffers()) if t.is_floating_point()]
        self._kept = [t.detach().clone() for t in self._live]

    @torch.no_grad()
    def update(self) -> None:
        """Once after each step."""
        self._step += 1
        memory = min(self._memory, (1 + self._step) / (10 + self._step))
        torch._foreach_lerp_(self._kept, [t.detach() for t in self._live], 1 - memory)

    @torch.no_grad()
    def put_in(self) -> None:
        """Let the model predict with the averages; training is over."""
        for live, kept in zip(self._live, self._kept, strict=True):
            live.copy_(kept)


def trained_in_pytorch(project: Project, data: PreparedData) -> dict[str, Any]:
    """Accuracy and times of one training by SGD."""
    settings = project.training
    on_gpu = torch.cuda.is_available() and settings.device != "cpu"
    device = torch.device("cuda" if on_gpu else "cpu")
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    begun = time.perf_counter()
    torch.manual_seed(settings.seed)
    network = Network.of(project.graph, DataShape(data.image_shape, data.dataset.classes))
    model = Twin(network)
    model.initialise()
    model.to(device, memory_format=torch.channels_last)
    weights = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    rule = torch.optim.SGD(
        [{"params": weights, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=settings.learning_rate, momentum=settings.momentum, nesterov=settings.nesterov, fused=on_gpu or None,
    )  # fmt: skip
    smoothing = network.classifier.layer.smoothing  # type: ignore[attr-defined]
    train, test = Images(data, "train", device), Images(data, "test", device)
    average = Average(model, settings.averaging) if settings.averaging else None
    is_mixed = settings.precision == "bfloat16" and on_gpu
    batch, count = settings.batch_size, len(train.labels)
    steps, first, loss = count // batch, 0.0, torch.zeros(())
    model.train()
    for epoch in range(settings.epochs):
        order = torch.randperm(count, device=device)
        for number, rate in enumerate(learning_rates(settings, epoch, steps)):
            for group in rule.param_groups:
                group["lr"] = float(rate)
            index = order[number * batch : (number + 1) * batch]
            with torch.autocast(device.type, torch.bfloat16, enabled=is_mixed):
                scores = model(train.changed(index, project.data))
            loss = functional.cross_entropy(scores.float(), train.labels[index], label_smoothing=smoothing)
            rule.zero_grad(set_to_none=True)
            loss.backward()
            rule.step()
            if average is not None:
                average.update()
            if not first:
                float(loss.detach())
                first = time.perf_counter() - begun
    if average is not None:
        average.put_in()
    accuracy = tested(model, test, project, is_mixed=is_mixed)
    seconds = time.perf_counter() - begun - first
    return {
        "test_accuracy": accuracy, "seconds": seconds, "first_step_seconds": first, "train_loss": float(loss.detach()),
        "steps": steps * settings.epochs, "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if on_gpu else "CPU",
    }  # fmt: skip


@torch.no_grad()
def tested(model: nn.Module, test: Images, project: Project, *, is_mixed: bool) -> float:
    """Accuracy on the whole test set, by image and mirror where the project asks for it."""
    model.eval()
    right = 0
    for first in range(0, len(test.labels), EVALUATED):
        images = test.images[first : first + EVALUATED]
        views = [images, images.flip(3)] if project.training.test_averaging == "mirror" else [images]
        with torch.autocast(images.device.type, torch.bfloat16, enabled=is_mixed):
            answers = sum(model(test.prepared(view)).float().softmax(1) for view in views)
        right += int((answers.argmax(1) == test.labels[first : first + EVALUATED]).sum())
    return right / len(test.labels)

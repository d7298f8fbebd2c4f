"""Test accuracy of the thesis's networks trained in PyTorch, to stand beside Gabor's (docs/thesis.md).

    python -m benchmarks.accuracy_parity --data DIR [--networks mnist,model-a,model-b,model-c] [--seeds 5]
                                         [--device cuda:0] [--epochs N] [--output FILE]

The same data, split, preparation, batches, epochs, rule of initialisation (thesis eq. 2.49, A.57), dropout (2.42-2.46)
and decoupled Adam (2.41) as `gabor reproduce`; PyTorch's own random numbers. TF32, channels-last, the step as a CUDA
graph. A seed that the output holds is not trained again.
"""

import argparse
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.networks import torch_model
from engine.api import EXPERIMENTS, PreparedData, Project, prepare, recipe_dataset

OUTPUT = Path(__file__).parent / "results" / "accuracy-parity.json"
NETWORKS = {"mnist": "mnist", "model-a": "A", "model-b": "B", "model-c": "C"}
EVALUATED = 500
WARM_UP = 3


class ThesisDropout(nn.Module):
    """Training multiplies by r ~ Bernoulli(p), prediction by p: PyTorch's own divides by p in training instead."""

    def __init__(self, keep: float) -> None:
        super().__init__()
        self.keep = keep

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.empty_like(x).bernoulli_(self.keep) if self.training else x * self.keep


def model_of(name: str, shape: tuple[int, int, int]) -> nn.Sequential:
    """The network with the thesis's dropout."""
    layers = [
        ThesisDropout(1 - layer.p) if isinstance(layer, nn.Dropout) else layer
        for layer in torch_model(NETWORKS[name], shape)
    ]
    return nn.Sequential(*layers)


def initialise(model: nn.Module, seed: int) -> None:
    """Zero-mean Gaussians with std √(2/fan-in), √(1/fan-in) in the first layer; biases 0."""
    torch.manual_seed(seed)
    gain = 1.0
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                fan_in = layer.weight[0].numel()
                layer.weight.normal_(0, (gain / fan_in) ** 0.5)
                layer.bias.zero_()
                gain = 2.0


def optimiser(model: nn.Module, project: Project, *, graph: bool) -> torch.optim.AdamW:
    """Decoupled Adam, with decay on weights alone."""
    settings = project.training
    weights = [p for p in model.parameters() if p.dim() > 1]
    biases = [p for p in model.parameters() if p.dim() == 1]
    return torch.optim.AdamW(
        [{"params": weights, "weight_decay": settings.weight_decay}, {"params": biases, "weight_decay": 0.0}],
        lr=settings.learning_rate, betas=(settings.beta1, settings.beta2), eps=settings.epsilon,
        fused=graph, capturable=graph,
    )  # fmt: skip


class Data:
    """All parts on the device as raw bytes, and the preparation that Gabor fitted on the training part."""

    def __init__(self, data: PreparedData, device: torch.device) -> None:
        self.train = self._part(data.train_images, data.train_labels, device)
        self.test = self._part(data.test_images, data.test_labels, device)
        shape = data.train_images.shape[1:]
        self._scale, self._offset = (
            torch.from_numpy(np.broadcast_to(value, shape).astype(np.float32)).to(device)
            for value in (data.scale, data.offset)
        )

    @staticmethod
    def _part(
        images: np.ndarray, labels: np.ndarray, device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return (
            torch.from_numpy(np.array(images)).to(device),
            torch.from_numpy(labels.astype(np.int64)).to(device),
        )

    def prepared(self, images: torch.Tensor) -> torch.Tensor:
        """Raw [n, H, W, C] to network input [n, C, H, W], channels-last in memory."""
        return (images.float() * self._scale + self._offset).permute(0, 3, 1, 2)


def training_step(
    model: nn.Module, data: Data, project: Project, seed: int, device: torch.device
) -> Callable[[torch.Tensor], None]:
    """Trains on the images of the given numbers; on a GPU a CUDA graph. Leaves the model initialised."""
    on_gpu = device.type == "cuda"
    chosen = torch.zeros(project.training.batch_size, dtype=torch.int64, device=device)
    rule = optimiser(model, project, graph=on_gpu)
    images, labels = data.train

    def step() -> None:
        rule.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(model(data.prepared(images[chosen])), labels[chosen]).backward()
        rule.step()

    def step_on(numbers: torch.Tensor) -> None:
        chosen.copy_(numbers)
        (graph.replay if graph is not None else step)()

    graph: torch.cuda.CUDAGraph | None = None
    if on_gpu:
        stream = torch.cuda.Stream(device)
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                step()
        torch.cuda.synchronize(device)
        graph = torch.cuda.CUDAGraph()
        rule.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            step()
        # Warming up has trained: begin again, in the same memory.
        for state in rule.state.values():
            for value in state.values():
                value.zero_()
    initialise(model, seed)
    return step_on


def train_seed(
    name: str, project: Project, prepared: PreparedData, seed: int, device: torch.device
) -> tuple[float, float]:
    """Test accuracy and seconds of one training."""
    data = Data(prepared, device)
    model = model_of(name, prepared.dataset.image_shape).to(device).to(memory_format=torch.channels_last)
    model.train()
    torch.manual_seed(seed)
    step = training_step(model, data, project, seed, device)
    generator = torch.Generator(device="cpu").manual_seed(seed)
    batch, count = project.training.batch_size, len(data.train[1])
    started = time.perf_counter()
    for _ in range(project.training.epochs):
        order = torch.randperm(count, generator=generator).to(device)
        for first in range(0, count - batch + 1, batch):
            step(order[first : first + batch])
    accuracy = tested(model, data)
    return accuracy, time.perf_counter() - started


def tested(model: nn.Module, data: Data) -> float:
    """Accuracy on the whole test set."""
    model.eval()
    images, labels = data.test
    right = 0
    with torch.no_grad():
        for first in range(0, len(labels), EVALUATED):
            scores = model(data.prepared(images[first : first + EVALUATED]))
            right += int((scores.argmax(1) == labels[first : first + EVALUATED]).sum())
    return right / len(labels)


def measure(
    name: str, seeds: int, folder: Path, device: torch.device, epochs: int | None, output: Path
) -> None:
    """Train the seeds that the output lacks; it is written after each."""
    project = EXPERIMENTS[name].project(1, epochs=epochs)
    prepared = prepare(recipe_dataset(project.data, folder), project.data)
    for seed in range(1, seeds + 1):
        results: dict[str, Any] = json.loads(output.read_text("utf-8")) if output.exists() else {}
        entry = results.setdefault(name, {"epochs": project.training.epochs, "seeds": {}})
        if entry["epochs"] != project.training.epochs:
            raise SystemExit(f"{output} holds {name} with {entry['epochs']} epochs: name another --output.")
        if str(seed) in entry["seeds"]:
            continue
        accuracy, seconds = train_seed(name, project, prepared, seed, device)
        entry["seeds"][str(seed)] = {"test_accuracy": accuracy, "seconds": seconds}
        entry["test_accuracies"] = [each["test_accuracy"] for each in entry["seeds"].values()]
        entry["torch"], entry["date"] = torch.__version__, datetime.now(UTC).date().isoformat()
        entry["device"] = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"{name}, seed {seed}: test accuracy {accuracy:.2%}, {seconds:.1f} s", flush=True)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    for name in arguments.networks.split(","):
        measure(name, arguments.seeds, arguments.data, device, arguments.epochs, arguments.output)


if __name__ == "__main__":
    main()

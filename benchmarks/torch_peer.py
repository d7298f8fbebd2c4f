"""PyTorch's side of the benchmarks: the same networks, steps and batches, as fast as PyTorch's own means make them."""

import gc
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.networks import NETWORKS, image_shape, random_data, torch_model
from engine.templates import TEMPLATES

WARM_UP = 5
RECORDED = 1024


class TorchTraining:
    """A training step on the GPU: gather the batch from uint8 images, prepare it, forward, backward, update, record.

    `mode` is "eager", "graph" (the whole step as a CUDA graph) or "compile" (that with forward and backward compiled by
    max-autotune). Channels-last, fused AdamW, timed cuDNN plans; "bfloat16" is autocast, "tf32" allows it throughout.
    """

    def __init__(self, name: str, precision: str, mode: str) -> None:
        import torch

        self._torch = torch
        _set_up(precision)
        gc.collect()
        # What an earlier peer left to cuBLAS belongs to this one as well.
        torch._C._cuda_clearCublasWorkspaces()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        self._before = torch.cuda.memory_allocated()
        self._precision = precision
        self.batch = TEMPLATES[NETWORKS[name]].build().training.batch_size
        data = random_data(image_shape(name))
        self._images = torch.from_numpy(np.array(data.train_images)).cuda()
        self._labels = torch.from_numpy(data.train_labels.astype(np.int64)).cuda()
        self._before += self._images.nbytes + self._labels.nbytes
        self.model = torch_model(name, image_shape(name)).cuda().to(memory_format=torch.channels_last)
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=5e-4, weight_decay=1e-3, fused=True, capturable=mode != "eager"
        )
        self._history = torch.zeros(RECORDED, 2, device="cuda")
        self._counter = torch.zeros((), dtype=torch.int64, device="cuda")
        self._places = torch.arange(self.batch, device="cuda")
        self._compute: Callable[[Any], Any] = self._loss
        if mode == "compile":
            torch._dynamo.reset()
            os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", str(os.cpu_count()))
            self._compute = torch.compile(self._loss, mode="max-autotune-no-cudagraphs")
        self.step: Callable[[], None] = self._step
        """One step, queued."""
        self.validate: Callable[[], None] = self._validate
        """The loss of one more batch, forward alone, queued."""
        if mode != "eager":
            self.step, self.validate = self._captured(self._step), self._captured(self._validate)

    def wait(self) -> None:
        """Until everything queued is done."""
        self._torch.cuda.synchronize()

    @property
    def peak_bytes(self) -> int:
        """The most that tensors took so far, without the data."""
        return int(self._torch.cuda.max_memory_allocated()) - self._before

    def run(self, steps: int) -> None:
        """So many steps, each with its validation batch, the losses read every 50."""
        for number in range(steps):
            self.step()
            self.validate()
            if number % 50 == 49:
                self._history.cpu()
        self.wait()

    def _captured(self, calls: Callable[[], None]) -> Callable[[], None]:
        torch = self._torch
        with torch.cuda.stream(torch.cuda.Stream()):
            for _ in range(WARM_UP):
                calls()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        self._optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            calls()
        replay: Callable[[], None] = graph.replay
        return replay

    def _index(self) -> Any:
        return (self._places + self._counter * self.batch) % len(self._labels)

    def _loss(self, index: Any) -> Any:
        torch = self._torch
        x = (self._images[index].float() * (2 / 255) - 1).permute(0, 3, 1, 2)
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=self._precision == "bfloat16"):
            scores = self.model(x)
        return torch.nn.functional.cross_entropy(scores.float(), self._labels[index])

    def _step(self) -> None:
        index = self._index()
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._compute(index)
        loss.backward()
        self._optimizer.step()
        self._history[:, 0].index_copy_(0, (self._counter % RECORDED).view(1), loss.detach().view(1))
        self._counter.add_(1)

    def _validate(self) -> None:
        self.model.eval()
        with self._torch.no_grad():
            loss = self._loss(self._index())
            self._history[:, 1].index_copy_(0, (self._counter % RECORDED).view(1), loss.view(1))
        self.model.train()


class TorchInference:
    """Answers of a network to batches of images on the GPU or the CPU: probabilities and the likeliest class."""

    def __init__(self, name: str, precision: str, mode: str, batch: int, device: str) -> None:
        import torch

        self._torch = torch
        _set_up(precision)
        self._low = precision == "bfloat16"
        self._device = device
        channels, height, width = image_shape(name)
        layout = torch.channels_last
        self._model = torch_model(name, image_shape(name)).to(device).to(memory_format=layout).eval()
        self._images = torch.randint(
            0, 256, (batch, height, width, channels), dtype=torch.uint8, device=device
        )
        self.run: Callable[[], None] = self._run
        """Classify the batch, queued."""
        if mode == "graph":
            with torch.cuda.stream(torch.cuda.Stream()):
                for _ in range(WARM_UP):
                    self._run()
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._run()
            self.run = graph.replay

    def read(self) -> None:
        """Wait for the answers and copy them to the host."""
        self._answer[0].cpu()
        self._answer[1].cpu()

    def _run(self) -> None:
        torch = self._torch
        with torch.inference_mode():
            x = (self._images.float() * (2 / 255) - 1).permute(0, 3, 1, 2)
            with torch.autocast(self._device, dtype=torch.bfloat16, enabled=self._low):
                scores = self._model(x)
            probabilities = torch.softmax(scores.float(), dim=1)
            self._answer = (probabilities, probabilities.argmax(dim=1))


def _set_up(precision: str) -> None:
    import torch

    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != "float32"

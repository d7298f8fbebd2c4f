"""The page that holds the thesis's results beside ours; every number on it comes from stored results."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from engine.api import EXPERIMENT_GROUPS, EXPERIMENTS, Experiment, SeedResult
from workbench.commands.thesis_claims import claim_sections, markdown_table

RESULTS_PAGE = "thesis.md"
FIGURES = ("loss", "normalised-loss", "accuracy", "filters", "confusion-matrix")
"""Names of the figures of each training; `class-histogram` comes once for each data set."""
Results = Mapping[str, Sequence[SeedResult]]
Peers = Mapping[str, Mapping[str, Any]]

_HEAD = """# The thesis, reproduced

Written by `gabor reproduce`; every number below comes from the trainings that it stored.

```
gabor fetch mnist && gabor fetch cifar10
gabor reproduce all claims --out reproduction
```

trains the four networks of the thesis and its two trials with the thesis's hyperparameters, {seeds}, and tries its
claims. Both sides: decoupled Adam, λ = 0.001, the same split, preparation and number of epochs; MNIST, for which the
thesis gives none, trains for {mnist_epochs} epochs.
"""


@dataclass(frozen=True)
class Overview:
    """Results of one experiment over its seeds; accuracies 0 to 1, times in seconds; None without results."""

    name: str
    title: str
    published: float | None
    accuracies: tuple[float, ...]
    seconds: float | None

    @property
    def mean(self) -> float | None:
        """Mean test accuracy."""
        return mean(self.accuracies) if self.accuracies else None

    @property
    def spread(self) -> float | None:
        """Sample standard deviation of the test accuracy; None for fewer than two seeds."""
        return stdev(self.accuracies) if len(self.accuracies) > 1 else None

    def texts(self) -> tuple[str, str, str, str, str, str]:
        """Title, thesis, mean, spread, seeds, seconds."""
        spread = "–" if self.spread is None else f"± {100 * self.spread:.2f}"
        seconds = "–" if self.seconds is None else f"{self.seconds:.1f}"
        return (
            self.title, percent(self.published), percent(self.mean), spread, str(len(self.accuracies)), seconds,
        )  # fmt: skip

    def values(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "thesis": self.published,
            "mean_test_accuracy": self.mean,
            "standard_deviation": self.spread,
            "test_accuracies": list(self.accuracies),
            "mean_seconds": self.seconds,
        }


def overview(experiment: Experiment, results: Sequence[SeedResult]) -> Overview:
    """The results of an experiment over its seeds."""
    return Overview(
        experiment.name,
        experiment.title,
        experiment.published.accuracy,
        tuple(result.test_accuracy for result in results),
        mean(result.seconds for result in results) if results else None,
    )


def percent(share: float | None) -> str:
    """72.64 %, or a dash for what there is not."""
    return "–" if share is None else f"{100 * share:.2f} %"


def thesis_page(results: Results, figures: str, peers: Peers | None = None) -> str:
    """The page as Markdown. `figures`: the folder of the pictures, as seen from the page; "" leaves them out."""
    there = {name: found for name, found in results.items() if found}
    if not there:
        return "# The thesis, reproduced\n\nNothing has been trained yet.\n"
    own = [name for name in EXPERIMENT_GROUPS["all"] if name in there]
    parts = [_head(there), _accuracies(there, own), _sizes(there, own)]
    if peers:
        parts.append(_peers(there, peers))
    parts += [_learning(there, own), *claim_sections(there)]
    if figures:
        parts.append("\n".join(_figures(there, own, figures)))
    return "\n".join(parts)


def _head(results: Results) -> str:
    counts = sorted({len(found) for found in results.values()})
    seeds = f"{' to '.join(str(number) for number in (counts[0], counts[-1]) if len(counts) > 1 or number)}"
    seeds = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    words = f"with {seeds} seed{'s' * (counts[-1] > 1)} each"
    epochs = EXPERIMENTS["mnist"].build().training.epochs
    if "mnist" in results:
        epochs = int(str(results["mnist"][0].settings["epochs"]))
    used = sorted({result.device.partition(": ")[2] for found in results.values() for result in found})
    precisions = sorted({str(result.settings["precision"]) for found in results.values() for result in found})
    dates = sorted({result.date for found in results.values() for result in found})
    told = f"Trained on {' and '.join(used)}, precision {' and '.join(precisions)}, {dates[0]}"
    told += "." if dates[0] == dates[-1] else f" to {dates[-1]}."
    return _HEAD.format(seeds=words, mnist_epochs=epochs) + f"\n{told}\n"


def _accuracies(results: Results, names: Sequence[str]) -> str:
    rows = []
    for name in names:
        row = overview(EXPERIMENTS[name], results[name])
        title, published, middle, spread, seeds, _ = row.texts()
        reached = "–"
        if row.published is not None and row.mean is not None:
            reached = f"{100 * (row.mean - row.published):+.2f}".replace("-", "−")
        least, most = percent(min(row.accuracies)), percent(max(row.accuracies))
        rows.append([title, published, middle, spread, f"{least} to {most}", seeds, reached])
    head = ["Network", "Thesis", "Gabor, mean", "Deviation", "Least to most", "Seeds", "Points gained"]
    return "## Test accuracy\n\n" + markdown_table(head, rows)


def _sizes(results: Results, names: Sequence[str]) -> str:
    rows = []
    for name in names:
        published, found = EXPERIMENTS[name].published, results[name]
        first = found[0]
        memory = sum(first.memory.values()) / 2**20
        rows.append(
            [
                EXPERIMENTS[name].title,
                str(first.settings["epochs"]),
                f"{first.steps:,}",
                published.time or "not told",
                f"{mean(result.training_seconds for result in found):.1f} s",
                f"{mean(result.seconds for result in found):.1f} s",
                f"{published.parameters:,}" if published.parameters else "not told",
                f"{first.parameters:,}",
                f"{published.memory:,} MiB" if published.memory else "not told",
                f"{memory:,.0f} MiB",
            ]
        )
    head = [
        "Network", "Epochs", "Steps", "Time, thesis", "Steps, Gabor", "All, Gabor", "Parameters, thesis", "Gabor",
        "Memory, thesis", "Gabor",
    ]  # fmt: skip
    words = (
        "The thesis trained on a Quadro K4200 (2014, 1344 cores, 4 GB). “Steps” are the training steps with their "
        "validation batches; “All” adds compiling, and the whole validation and test sets after every epoch. Memory "
        "is what Gabor takes for parameters, gradients, optimiser, activations and data.\n"
    )
    return "## Time and size\n\n" + words + "\n" + markdown_table(head, rows)


def _peers(results: Results, peers: Peers) -> str:
    rows = []
    for name, peer in peers.items():
        if name not in results:
            continue
        ours, theirs = overview(EXPERIMENTS[name], results[name]), tuple(peer["test_accuracies"])
        other = Overview(name, "", None, theirs, None)
        verdict = "–"
        if ours.spread is not None and other.spread is not None and ours.mean and other.mean:
            # Two standard errors of the difference: what seeds alone make of equal trainings in 19 of 20 cases.
            error = (ours.spread**2 / len(ours.accuracies) + other.spread**2 / len(theirs)) ** 0.5
            apart = ours.mean - other.mean
            verdict = (
                "the same" if abs(apart) <= 2 * error else ("Gabor higher" if apart > 0 else "Gabor lower")
            )
            verdict += f" ({100 * apart:+.2f} ± {200 * error:.2f})".replace("-", "−")
        rows.append(
            [ours.title, percent(ours.mean), ours.texts()[3], percent(other.mean), other.texts()[3],
             str(len(theirs)), verdict]
        )  # fmt: skip
    head = [
        "Network",
        "Gabor",
        "Deviation",
        "PyTorch",
        "Deviation",
        "Seeds",
        "Difference ± two standard errors",
    ]
    version = next(iter(peers.values())).get("torch", "")
    words = (
        f"`python -m benchmarks.accuracy_parity` trains the same designs in PyTorch {version}: same data, split, "
        "preparation, batches, epochs, rule of initialisation and decoupled Adam, random numbers of its own.\n"
    )
    return "## Against PyTorch\n\n" + words + "\n" + markdown_table(head, rows)


def _learning(results: Results, names: Sequence[str]) -> str:
    rows = []
    for name in names:
        found = results[name]
        rows.append(
            [
                EXPERIMENTS[name].title,
                f"{mean(result.first_total for result in found):.2f}",
                f"{mean(result.train_total for result in found):.2f}",
                percent(mean(result.train_accuracy for result in found)),
                percent(mean(result.validation_accuracy for result in found)),
                percent(mean(result.test_accuracy for result in found)),
                _hardest(found),
            ]
        )
    head = [
        "Network", "Loss at first", "Loss at last", "Training accuracy", "Validation", "Test", "Hardest classes",
    ]  # fmt: skip
    words = (
        "The loss holds the decay term, as in the thesis's figures (A from about 4.5 to 1.5, B and C from about 10.5 "
        "to 2 and less). Training accuracy is measured with dropout, on the batches of the last epoch. The hardest "
        "classes are those that are found least often; the thesis names dog and deer, then airplane for A.\n"
    )
    grown = [name for name in names if mean(r.train_total - r.first_total for r in results[name]) > 0]
    return "## How they learn\n\n" + words + "\n" + markdown_table(head, rows) + _decay_words(grown)


def _decay_words(grown: Sequence[str]) -> str:
    """Why the total loss of these experiments rises where the thesis's falls."""
    if not grown:
        return ""
    training = EXPERIMENTS[grown[-1]].build().training
    a_step = training.learning_rate * training.weight_decay
    titles = ", ".join(EXPERIMENTS[name].title for name in grown)
    return (
        f"\nThe total loss of {titles} rises, since the weights grow while the likelihood falls. By the thesis's rule "
        f"(2.41) a step shrinks a weight by ηλ = {a_step:.0e} of itself alone: half a percent in 10,000 steps. Its "
        "own curves fall and show hardly any overfitting, so its trainings decayed their weights more than its "
        "formula tells; ours follow the formula, fit the training set closely and still test better.\n"
    )


def _hardest(results: Sequence[SeedResult]) -> str:
    """The three classes with the lowest recall over all seeds."""
    names = results[0].class_names
    found, total = [0] * len(names), [0] * len(names)
    for result in results:
        for row, counts in enumerate(result.confusion):
            for column, number in enumerate(counts):
                total[column] += number
                found[column] += number * (row == column)
    shares = [right / max(count, 1) for right, count in zip(found, total, strict=True)]
    order = sorted(range(len(names)), key=lambda place: shares[place])[:3]
    return ", ".join(f"{names[place]} ({100 * shares[place]:.0f} %)" for place in order)


def _figures(results: Results, names: Sequence[str], folder: str) -> Iterator[str]:
    yield (
        "## Figures\n\nThe thesis's figures 3.4 and 3.6 (class histograms), 4.1 to 4.15 and appendix B, drawn by "
        "Gabor's plots. Curves show the first seed at every fiftieth step, as the thesis does.\n"
    )
    for dataset in dict.fromkeys(str(results[name][0].settings["data"]) for name in names):
        yield f"### {dataset}: examples of each class\n\n![{dataset}]({folder}/{dataset}-class-histogram.png)\n"
    for name in names:
        title = EXPERIMENTS[name].title
        yield f"### {title}\n"
        for figure in FIGURES:
            label = figure.replace("-", " ")
            yield f"![{title}: {label}]({folder}/{name}-{figure}.png)\n"

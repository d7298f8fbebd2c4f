"""What trainings say about each claim of the thesis, as sections of its page."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean, stdev

from engine.api import EXPERIMENTS, TOLD_IN_TEXT, SeedResult, single_changes

Results = Mapping[str, Sequence[SeedResult]]
_FILTERED = ("mnist", "model-a", "model-b", "model-c")
_WIDTHS = ("a-filters-16", "model-a", "a-filters-64", "a-filters-96")


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first stand to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def claim_sections(results: Results) -> Iterator[str]:
    """The claims' sections; what was not trained is left out."""
    yield "## What became of its claims\n"
    for section in (_trials, _filters, _small_filters, _more_filters, _units, _dropout, _parameters):
        yield from section(results)


def _with_spread(results: Sequence[SeedResult]) -> str:
    """`72.64 ± 0.21 %` of the test accuracy."""
    values = [100 * result.test_accuracy for result in results]
    return f"{mean(values):.2f} ± {stdev(values):.2f} %" if len(values) > 1 else f"{values[0]:.2f} %"


def _by_epoch(results: Sequence[SeedResult]) -> list[float]:
    """Mean test accuracy after each epoch."""
    return [mean(epoch) for epoch in zip(*(result.test_by_epoch for result in results), strict=False)]


def _trials(results: Results) -> Iterator[str]:
    there = [name for name in ("trial-one", "trial-two") if name in results]
    if not there:
        return
    yield "### Learning rates that are too small\n"
    passes = 0
    for name in there:
        published, found = EXPERIMENTS[name].published.accuracy, results[name]
        assert published is not None
        after = _by_epoch(found)
        passed = next((epoch for epoch, value in enumerate(after, 1) if value >= published), None)
        title, told = EXPERIMENTS[name].title, f"the thesis tells {100 * published:.2f} %. "
        text = f"{title}: {_with_spread(found)} after {len(after)} epochs; {told}"
        if passed is None:
            text += "That is not reached in this number of epochs."
        else:
            text += (
                f"Its number is passed within epoch {passed} already (mean test accuracy at its end: "
                f"{100 * after[passed - 1]:.2f} %)."
            )
        passes += passed is not None
        yield text + "\n"
    if passes == len(there):
        yield (
            "With the same rule and rate such accuracies belong to the first epochs, so the thesis's trials were most "
            "likely stopped early; it does not tell their number of epochs.\n"
        )
    if "model-a" in results:
        base = mean(result.test_accuracy for result in results["model-a"])
        lower = all(mean(r.test_accuracy for r in results[name]) < base for name in there)
        yield (
            f"Both land {'lower than' if lower else 'not lower than'} model A with η = 0.0005 "
            f"({_with_spread(results['model-a'])}).\n"
        )


def _filters(results: Results) -> Iterator[str]:
    rows = []
    for name in _FILTERED:
        kinds = [result.filters for result in results.get(name, ()) if result.filters is not None]
        if not kinds:
            continue
        total = sum(kind.gabor + kind.neighbours + kind.neither for kind in kinds)
        waves = [kind.wavelength for kind in kinds if kind.wavelength is not None]

        def share(number: int, of: int = total) -> str:
            return f"{100 * number / of:.0f} %"

        rows.append(
            [
                EXPERIMENTS[name].title,
                str(total // len(kinds)),
                share(sum(kind.gabor for kind in kinds)),
                share(sum(kind.neighbours for kind in kinds)),
                share(sum(kind.neither for kind in kinds)),
                f"{mean(waves):.1f} pixels" if waves else "–",
                f"{share(sum(k.control_gabor for k in kinds))} and {share(sum(k.control_neighbours for k in kinds))}",
            ]
        )
    if not rows:
        return
    yield "### Periodic filters in B, neighbourhoods in C\n"
    yield (
        "The thesis saw oriented, periodic filters like Gabor functions in B's first layer, and von Neumann "
        "neighbourhoods (a centre with its four neighbours, or three of them) in C's. Each filter's strongest pattern "
        "over its channels is fitted by both; it is of a kind from an adjusted R² of 0.7 on. The last column is the "
        "control: how many of the same network's random filters before training are called Gabor-like, and how many "
        "neighbourhoods.\n"
    )
    head = ["Network", "Filters", "Gabor-like", "Neighbourhoods", "Neither", "Wavelength", "Before training"]
    yield markdown_table(head, rows)


def _small_filters(results: Results) -> Iterator[str]:
    if "c-3x3" not in results or "model-c" not in results:
        return
    rows = []
    for name in ("model-c", "c-3x3"):
        found = results[name]
        gap = mean(result.train_accuracy - result.test_accuracy for result in found)
        best = max(_by_epoch(found))
        rows.append(
            [
                EXPERIMENTS[name].title,
                _with_spread(found),
                f"{100 * mean(result.train_accuracy for result in found):.2f} %",
                f"{100 * gap:+.2f}".replace("-", "−"),
                f"{100 * best:.2f} %",
            ]
        )
    yield "### 3×3 filters in C: “about 50 % and much overfitting”\n"
    head = ["Network", "Test accuracy", "Training accuracy", "Training − test, points", "Best epoch's test"]
    yield markdown_table(head, rows)


def _more_filters(results: Results) -> Iterator[str]:
    there = [name for name in _WIDTHS if name in results]
    if len(there) < 2:
        return
    yield "### More filters seem to help\n"
    rows = [
        [EXPERIMENTS[name].title, f"{results[name][0].parameters:,}", _with_spread(results[name])]
        for name in there
    ]
    yield markdown_table(["Network", "Parameters", "Test accuracy"], rows)


def _units(results: Results) -> Iterator[str]:
    rows = []
    for name in _FILTERED:
        found = results.get(name, ())
        for place, node in enumerate(found[0].units if found else ()):
            nodes = [result.units[place] for result in found]
            rows.append(
                [
                    f"{EXPERIMENTS[name].title}, {node.name}",
                    str(node.units),
                    f"{mean(each.dead for each in nodes):.1f}",
                    f"{100 * mean(each.dead for each in nodes) / node.units:.1f} %",
                    f"{100 * mean(each.fires for each in nodes):.1f} %",
                ]
            )
    if not rows:
        return
    yield "### Units that never fire\n"
    yield (
        "The thesis wished to know how much of a network is not used. A unit (a map's channel, a hidden unit) is dead "
        "when it fires for none of 500 test images at any place; numbers are means over the seeds.\n"
    )
    yield markdown_table(["Activation", "Units", "Dead", "Share", "Fires"], rows)


def _dropout(results: Results) -> Iterator[str]:
    if "mnist-keep-0.5" not in results or "mnist" not in results:
        return
    yield "### Dropout 0.5 or 0.75 for MNIST\n"
    rows = [
        ["keep 0.75, its hyperparameters", _with_spread(results["mnist"])],
        ["keep 0.5, its architecture table", _with_spread(results["mnist-keep-0.5"])],
    ]
    yield markdown_table(["MNIST with", "Test accuracy"], rows)


def _parameters(results: Results) -> Iterator[str]:
    graph = EXPERIMENTS["model-c"].build().graph
    table = EXPERIMENTS["model-c"].published.parameters
    assert table is not None
    changes = single_changes(graph, TOLD_IN_TEXT)
    yield "### 30,955,290 or 31,005,290 parameters in C\n"
    text = (
        f"The design in its table has {table:,} parameters; the text says {TOLD_IN_TEXT:,}, which is "
        f"{table - TOLD_IN_TEXT:,} less. "
    )
    if changes:
        named = "; ".join(
            f"{change.setting} {change.value} of {graph.nodes[change.node].name}" for change in changes
        )
        text += f"One changed setting gives the text's number: {named}."
    else:
        text += (
            "No single change of a count of filters, of hidden units, of a filter's size or of a bias gives the text's "
            "number, so it is most likely a slip of the pen; Gabor builds the table's design."
        )
    yield text + "\n"

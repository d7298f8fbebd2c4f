"""The page of a report, put together from facts and pictures. No Qt."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from engine.api import Run
from workbench import __version__
from workbench.report import facts
from workbench.report.adaptive import AdaptivePicture
from workbench.report.facts import Table
from workbench.report.style import style_sheet

if TYPE_CHECKING:
    from workbench.report.pictures import RunPictures


def page(run: Run, runs: Sequence[Run], pictures: "RunPictures") -> str:
    """The whole HTML document; it names nothing outside itself."""
    drawn = (pictures.design, pictures.loss, pictures.accuracy, pictures.filters, pictures.confusion)
    colors = {pair for picture in drawn if picture is not None for pair in picture.colors}
    name = f"{run.project.name}: {facts.title_of(run, runs)}"
    sections = "".join(_sections(run, runs, pictures))
    written = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(name)}</title><style>{style_sheet(colors)}</style></head>\n"
        f"<body><main>{_header(run, runs)}{sections}"
        f"<footer>Written by Gabor {escape(__version__)} on {written}.</footer></main></body></html>\n"
    )


def _header(run: Run, runs: Sequence[Run]) -> str:
    items = "".join(
        f"<li><b>{escape(value)}</b><span>{escape(what)}</span></li>" for what, value in facts.headlines(run)
    )
    told = run.message or f"{run.status.capitalize()} after {run.step:,} steps."
    failed = ' class="failed"' if run.status == "failed" else ' class="muted"'
    return (
        f"<header><h1>{escape(run.project.name)}</h1>"
        f"<p{failed}>{escape(facts.title_of(run, runs))} · {escape(told)}</p>"
        f'<ul class="headlines">{items}</ul></header>'
    )


def _sections(run: Run, runs: Sequence[Run], pictures: "RunPictures") -> Iterator[str]:
    if run.notes or run.project.notes:
        notes = "".join(
            f"<blockquote>{escape(text)}</blockquote>" for text in (run.notes, run.project.notes) if text
        )
        yield _section("Notes", notes)
    curves = _figure(pictures.loss, "Loss: training and validation, each step") + _figure(
        pictures.accuracy, "Accuracy on batches, and on the whole test set where it was measured"
    )
    if curves:
        yield _section("Learning", curves)
    yield _section("Results", _table(facts.results(run)))
    changed = facts.changes(run)
    if changed is not None:
        yield _section("Changed while training", _table(changed))
    if pictures.confusion is not None:
        rows = facts.classes(run)
        caption = "Rows are predictions, columns the true classes; percent of each row"
        yield _section(
            "What it confuses",
            _figure(pictures.confusion, caption, "square") + (_table(rows) if rows is not None else ""),
        )
    if pictures.filters is not None:
        yield _section("Filters", _figure(pictures.filters, pictures.filters_caption, "square"))
    yield _section("Design", _figure(pictures.design, "", "design") + _table(facts.nodes(run)))
    told, changes = facts.differences(run, runs)
    yield _section("Differences", f"<p>{escape(told)}</p>" + (_table(changes) if changes is not None else ""))
    others = facts.all_runs(run, runs)
    if others is not None:
        own = next((place for place, other in enumerate(runs) if other.id == run.id), -1)
        sign = '<p class="muted">≠ marks settings that differ from this run (▸).</p>'
        yield _section("All runs of the project", sign + _table(others, "runs", own))
    yield _section(
        "How it was trained", f'<div class="columns">{_settings(run)}</div>{_implementations(run)}'
    )


def _settings(run: Run) -> str:
    return f"<div>{_table(facts.training_settings(run))}</div><div>{_table(facts.machine(run))}</div>"


def _implementations(run: Run) -> str:
    if not run.implementations:
        return ""
    return f"<details><summary>What computed each operation</summary>{_table(facts.implementations(run))}</details>"


def _section(title: str, inside: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{inside}</section>\n"


def _figure(picture: AdaptivePicture | None, caption: str, kind: str = "wide") -> str:
    if picture is None:
        return ""
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="{kind}">{picture.svg}{words}</figure>'


def _table(table: Table, kind: str = "", own: int = -1) -> str:
    def kind_of(line: int, place: int) -> str:
        names = ["number"] * (place in table.numeric) + ["mark"] * ((line, place) in table.marked)
        return f' class="{" ".join(names)}"' if names else ""

    head = "".join(
        f'<th scope="col"{kind_of(-1, place)}>{escape(cell)}</th>' for place, cell in enumerate(table.header)
    )
    body = "".join(
        ('<tr class="own">' if line == own else "<tr>")
        + "".join(f"<td{kind_of(line, place)}>{escape(cell)}</td>" for place, cell in enumerate(row))
        + "</tr>"
        for line, row in enumerate(table.rows)
    )
    rows = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll"><table class="{kind}">{rows}</table></div>'

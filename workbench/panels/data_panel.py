"""The data dock: where images come from, how they are prepared, what they look like, what is wrong with them."""

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from engine.api import ChannelStatistics, DataOverview, Duplicates, PreparedData
from workbench.document.document import Document
from workbench.panels.data_preview import DataPreview
from workbench.panels.data_settings import DataSettings
from workbench.panels.data_source import DataSource
from workbench.panels.data_twins import DataTwins
from workbench.panels.field_editors import surface
from workbench.plots.class_histogram import ClassHistogram
from workbench.theme import Theme

_PARTS = {"training": "Training", "validation": "Validation", "test": "Test"}


class DataPanel(QScrollArea):
    """Assembles the sections; `data_control` fills them."""

    def __init__(self, document: Document, theme: Theme) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Data")
        self.source = DataSource(document)
        self.settings = DataSettings(document)
        self.preview = DataPreview(theme)
        self.histogram = ClassHistogram(theme)
        self.statistics = _Statistics()
        self.twins = DataTwins(theme)
        body = surface()
        column = QVBoxLayout(body)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        column.addWidget(self.source)
        column.addWidget(_heading("Split and preparation"))
        column.addWidget(self.settings)
        self._looks: list[QWidget] = []
        for title, widget in (
            ("Examples", self.preview),
            ("Images of each class", self.histogram),
            ("Channels", self.statistics),
            ("Duplicates", self.twins),
        ):
            heading = _heading(title)
            column.addWidget(heading)
            column.addWidget(widget)
            self._looks += [heading, widget]
        column.addStretch(1)
        self.setWidget(body)
        self.show_overview(None)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        for part in (self.preview, self.histogram, self.twins):
            part.apply_theme(theme)

    def show_twins(self, found: Duplicates, data: PreparedData) -> None:
        """Tell which duplicates were found, where the user sees it."""
        self.twins.show_found(found, data)
        # Once the panel has got its new height.
        QTimer.singleShot(0, self.twins, lambda: self.ensureWidgetVisible(self.twins))

    def show_overview(self, overview: DataOverview | None) -> None:
        """Show what is in the data, or nothing."""
        for widget in self._looks:
            widget.setVisible(overview is not None)
        self.twins.clear()
        if overview is None:
            self.preview.set_data(None)
            self.source.show_summary("")
            return
        data = overview.data
        names = data.dataset.class_names
        histograms = data.class_histograms()
        self.histogram.set_histograms({_PARTS[part]: counts for part, counts in histograms.items()}, names)
        self.statistics.show_statistics(overview.raw, overview.prepared)
        self.preview.set_data(data)
        channels, height, width = data.dataset.image_shape
        counts = (
            f"{len(labels):,} {part}"
            for part, labels in (
                ("training", data.train_labels),
                ("validation", data.validation_labels),
                ("test", data.test_labels),
            )
        )
        sees = ""
        if data.image_shape != data.dataset.image_shape:
            sees = f" The network gets {'×'.join(map(str, data.image_shape))}."
        self.source.show_summary(
            f"{len(names):,} classes, images of {channels}×{height}×{width}: {', '.join(counts)}.{sees}"
        )


class _Statistics(QWidget):
    """Mean ± deviation of each channel, raw and prepared, in a small table."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(4)
        self.setAccessibleName("Channel statistics")

    def show_statistics(self, raw: ChannelStatistics, prepared: ChannelStatistics) -> None:
        """Raw values count 0 to 1."""
        while (item := self._grid.takeAt(0)) is not None:
            old = item.widget()
            if old is not None:
                old.deleteLater()
        for column, text in enumerate(("", "Pixels, 0 to 1", "Prepared")):
            self._put(0, column, text, muted=True)
        for channel in range(len(raw.mean)):
            self._put(channel + 1, 0, channel_name(channel, len(raw.mean)))
            self._put(channel + 1, 1, _spread(raw, channel))
        # A preparation may leave another number of channels.
        for channel in range(len(prepared.mean)):
            self._put(channel + 1, 2, _spread(prepared, channel))
        words = "; ".join(
            f"{channel_name(c, len(raw.mean))} mean {raw.mean[c]:.3f}, deviation {raw.deviation[c]:.3f}"
            for c in range(len(raw.mean))
        )
        self.setAccessibleDescription(words)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(2, 1)

    def _put(self, row: int, column: int, text: str, *, muted: bool = False) -> None:
        label = QLabel(text)
        label.setProperty("muted", muted)
        label.setProperty("small", muted)
        side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
        label.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        self._grid.addWidget(label, row, column)


def _spread(statistics: ChannelStatistics, channel: int) -> str:
    """Mean ± standard deviation."""
    mean, deviation = (float(values[channel]) for values in (statistics.mean, statistics.deviation))
    return f"{number_text(mean)} ± {number_text(deviation)}"


def channel_name(channel: int, count: int) -> str:
    """Red, green, blue; grey; or a number."""
    if count == 3:
        return ("Red", "Green", "Blue")[channel]
    return "Grey" if count == 1 else f"Channel {channel + 1}"


def number_text(value: float) -> str:
    """Three decimals with a real minus; no minus before zero."""
    text = f"{value:.3f}"
    return (text[1:] if float(text) == 0 and text.startswith("-") else text).replace("-", "−")


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("heading", True)
    label.setContentsMargins(0, 8, 0, 0)
    return label

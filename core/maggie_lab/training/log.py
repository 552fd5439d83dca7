"""The log of a training: a line of CSV every few steps, and a plot of its curves."""

from __future__ import annotations

import csv
from pathlib import Path

from maggie_core.io.atomic import atomic_file
from maggie_lab.training.losses import TERMS

LOG, PLOT = "log.csv", "log.png"
VALIDATED = ("MAD", "MSE")
"""Mean absolute and squared error of the held-out samples, times 1000."""
COLUMNS = ("step", "minutes", "loss", *TERMS, "norm", "rate", *VALIDATED)


class TrainingLog:
    """`log.csv` in `folder`, and `log.png` of the same numbers; goes on at `step` and forgets what is later.

    Losses are means over the steps since the line before.
    """

    def __init__(self, folder: Path, step: int):
        self._csv, self._png = folder / LOG, folder / PLOT
        folder.mkdir(parents=True, exist_ok=True)
        kept = [row for row in read_log(self._csv) if row["step"] <= step] if self._csv.is_file() else []
        self._rows = kept
        with atomic_file(self._csv) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list[str](COLUMNS))
            writer.writeheader()
            writer.writerows(_texts(row) for row in kept)

    def add(self, row: dict[str, float]) -> None:
        """Append a row; draw the plot anew when it has a validation."""
        self._rows.append(row)
        with self._csv.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, list[str](COLUMNS)).writerow(_texts(row))
        if any(name in row for name in VALIDATED):
            draw_log(self._rows, self._png)


def read_log(path: Path) -> list[dict[str, float]]:
    """Rows of a `log.csv`; a row has only the columns that are filled in it."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(text) for name, text in row.items() if text} for row in csv.DictReader(file)]


def draw_log(rows: list[dict[str, float]], path: Path) -> None:
    """The terms of the loss, the held-out errors, and gradient norm and learning rate, over the steps."""
    # Not pyplot: it would look for a window system, and keep every figure.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 9))
    losses, errors, pace = figure.subplots(3, 1, sharex=True)
    figure.subplots_adjust(left=0.09, right=0.98, top=0.98, bottom=0.06, hspace=0.08)
    for name in ("loss", *TERMS):
        points = [(row["step"], row[name]) for row in rows if row.get(name, 0.0) > 0]
        if points:
            losses.plot(*zip(*points, strict=True), label=name, linewidth=2 if name == "loss" else 1)
    losses.set(ylabel="weighted terms of the loss", yscale="log")
    for name in VALIDATED:
        points = [(row["step"], row[name]) for row in rows if name in row]
        if points:
            errors.plot(
                *zip(*points, strict=True), label=f"{name} of held-out samples", marker="o", markersize=3
            )
    errors.set(ylabel="times 1000")
    for name, label in (("norm", "gradient norm"), ("rate", "learning rate")):
        points = [(row["step"], row[name]) for row in rows if row.get(name, 0.0) > 0]
        if points:
            pace.plot(*zip(*points, strict=True), label=label)
    pace.set(xlabel="step", yscale="log")
    for axes in (losses, errors, pace):
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize="small", ncols=3)
    with atomic_file(path) as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary))


def _texts(row: dict[str, float]) -> dict[str, str]:
    return {name: f"{row[name]:.6g}" for name in COLUMNS if name in row}

"""Table of a probe's sweep: a row for each layer, a column for each pooling, then what to choose."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from models.language_model.sweep import LABELS, LAST, MEAN, Reading

NARROWEST = 80


def print_sweep(readings: Sequence[Reading], chosen: Reading, texts: int, seconds: float) -> None:
    """Args:
    texts: how many were compared.
    seconds: that reading a text through all layers took.
    """
    console = Console(highlight=False, width=max(NARROWEST, Console().width))
    console.print(
        f"{texts:,} texts, {1000 * seconds:,.0f} ms each through all layers; accuracies are held out"
    )
    console.print(_table(readings, chosen))
    scores = next(reading for reading in readings if reading.pooling == LABELS)
    console.print(f"{LABELS}: {scores.accuracy:.3f}, through all layers", markup=False)
    console.print(
        f"the cheapest within a standard error of the best {chosen.pooling}, which servers pool: "
        f"layer {chosen.layer}, {chosen.accuracy:.3f} (± {chosen.error:.3f}), "
        f"at {chosen.cost:.2f} of the cost",
        markup=False,
    )


def _table(readings: Sequence[Reading], chosen: Reading) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("layer", "share of cost", LAST, MEAN):
        table.add_column(heading, justify="right")
    by_layer = {(reading.layer, reading.pooling): reading for reading in readings}
    for layer in sorted({reading.layer for reading in readings}):
        cells = [by_layer.get((layer, pooling)) for pooling in (LAST, MEAN)]
        known = [cell for cell in cells if cell is not None]
        if known:
            shown = [
                "-" if cell is None else f"{cell.accuracy:.3f}{'*' if cell is chosen else ''}"
                for cell in cells
            ]
            table.add_row(str(layer), f"{known[0].cost:.2f}", *shown)
    return table

"""The numbers that a figure shows, read back from what is drawn in it, so that they are those that a reader sees."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle


UNNAMED = ("band", "interval")
"""Kinds that are drawn about a line and have no entry of their own in a legend."""


class Point(NamedTuple):
    """A place, an interval at a place, or the value of a cell of a map; None for what it has not."""

    x: float | None = None
    y: float | None = None
    low: float | None = None
    high: float | None = None
    value: float | None = None


class Row(NamedTuple):
    """One drawn point, and what it belongs to."""

    panel: int
    """Counted from 1, row by row."""
    title: str
    x_axis: str
    y_axis: str
    kind: str
    """'line', 'guide', 'band', 'interval', 'box' or 'cell'."""
    series: str
    """As in the legend; a band or interval without an entry there has that of the only line in its colour."""
    colour: str
    point: Point


@dataclass(frozen=True)
class _Marks:
    """What belongs to one series."""

    kind: str
    artist: "Artist"
    colour: str
    points: list[Point]


def rows(figure: "Figure") -> list[Row]:
    """Return what `figure` shows, panel by panel; nothing for a drawing without axes of numbers."""
    found = []
    for number, axes in enumerate(figure.axes, 1):
        words = axes.get_title() or axes.get_title("left"), axes.get_xlabel(), axes.get_ylabel()
        title, x_axis, y_axis = (" ".join(each.split()) for each in words)
        marks = list(_marks(axes))
        names: dict[str, set[str]] = {}
        for each in marks:
            if _label(each.artist):
                names.setdefault(each.colour, set()).add(_label(each.artist))
        for each in marks:
            alike = names.get(each.colour, set())
            borrowed = "".join(alike) if each.kind in UNNAMED and len(alike) == 1 else ""
            series = _label(each.artist) or borrowed
            found += [Row(number, title, x_axis, y_axis, each.kind, series, each.colour, p) for p in each.points]
    return found


def as_csv(found: list[Row]) -> str:
    """Return rows as a table of comma-separated values with a header, numbers with up to ten digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*Row._fields[:-1], *Point._fields))
    for row in found:
        writer.writerow((*row[:-1], *(_cell(value) for value in row.point)))
    return text.getvalue()


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def _label(artist: "Artist") -> str:
    label = str(artist.get_label() or "")
    return "" if label.startswith("_") else label


def _marks(axes: "Axes") -> Iterator[_Marks]:
    from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
    from matplotlib.container import ErrorbarContainer
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    caps = {cap for held in axes.containers if isinstance(held, ErrorbarContainer) for cap in held[1]}
    for artist in axes.get_children():
        match artist:
            case Line2D() if artist not in caps:
                yield _line(axes, artist)
            case QuadMesh():
                yield _Marks("cell", artist, "", _mesh(artist))
            case AxesImage():
                yield _Marks("cell", artist, "", _image(artist))
            case LineCollection():
                yield _Marks("interval", artist, _hex(artist.get_edgecolor()), _segments(artist))
            case PolyCollection():
                yield _Marks("band", artist, _hex(artist.get_facecolor()), _band(artist))
            case Rectangle() if artist is not axes.patch:
                yield _Marks("box", artist, _hex(artist.get_facecolor()), [_box(artist)])


def _hex(colour: object) -> str:
    from matplotlib.colors import to_hex, to_rgba_array

    found = to_rgba_array(colour)  # type: ignore[arg-type]
    return to_hex(found[0]) if len(found) else ""


def _line(axes: "Axes", line: "Line2D") -> _Marks:
    """Read a line; one right across the panel, such as `axhline` draws, is a guide with a single coordinate."""
    colour = _hex(line.get_color())
    x, y = np.asarray(line.get_xdata(orig=False), float), np.asarray(line.get_ydata(orig=False), float)
    if line.get_transform() == axes.get_yaxis_transform(which="grid"):
        return _Marks("guide", line, colour, [Point(y=float(y[0]))])
    if line.get_transform() == axes.get_xaxis_transform(which="grid"):
        return _Marks("guide", line, colour, [Point(x=float(x[0]))])
    return _Marks("line", line, colour, [Point(float(a), float(b)) for a, b in zip(x, y, strict=True)])


def _band(band: "PolyCollection") -> list[Point]:
    """Read the lowest and highest point of the outline above every place on the x axis."""
    points = []
    for path in band.get_paths():
        outline = np.asarray(path.vertices)
        for x in np.unique(outline[:, 0]):
            there = outline[outline[:, 0] == x, 1]
            points.append(Point(float(x), low=float(there.min()), high=float(there.max())))
    return points


def _segments(lines: "LineCollection") -> list[Point]:
    points = []
    for segment in lines.get_segments():
        if len(segment) == 0:  # an interval without numbers
            continue
        (x0, y0), (x1, y1) = np.asarray(segment)[[0, -1]]
        if x0 == x1:
            points.append(Point(x=float(x0), low=float(min(y0, y1)), high=float(max(y0, y1))))
        elif y0 == y1:
            points.append(Point(y=float(y0), low=float(min(x0, x1)), high=float(max(x0, x1))))
        else:
            points += [Point(float(x), float(y)) for x, y in segment]
    return points


def _box(box: "Rectangle") -> Point:
    low, high = sorted((float(box.get_y()), float(box.get_y() + box.get_height())))
    return Point(float(box.get_x() + box.get_width() / 2), low=low, high=high)


def _image(image: "AxesImage") -> list[Point]:
    return [Point(float(x), float(y), value=float(value)) for (y, x), value in np.ndenumerate(_filled(image))]


def _mesh(mesh: "QuadMesh") -> list[Point]:
    corners = np.asarray(mesh.get_coordinates())
    middles = (corners[:-1, :-1] + corners[1:, 1:]) / 2
    values = _filled(mesh).reshape(middles.shape[:2])
    return [
        Point(float(middles[place][0]), float(middles[place][1]), value=float(value))
        for place, value in np.ndenumerate(values)
    ]


def _filled(drawn: "AxesImage | QuadMesh") -> np.ndarray:
    """Return the drawn values, NaN where masked."""
    return np.ma.filled(np.ma.asarray(drawn.get_array()).astype(float), np.nan)

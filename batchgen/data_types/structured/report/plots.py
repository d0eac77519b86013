"""Plots as SVG: Vega-Lite specifications that vl-convert draws, without a browser and without the network."""

from __future__ import annotations

import unicodedata
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import orjson

from batchgen.data_types.structured.fields import FieldType
from batchgen.data_types.structured.report.statistics import MEASURES, FieldStatistics

_WIDTH, _HEIGHT, _BAR_HEIGHT = 300, 150, 22
_BINS = 24
_INK = "#7b8799"
"""Reads on white and on black."""
_GOOD, _BAD, _PLAIN = "#2f9e6e", "#d1495b", "#4c7fd6"
_SHOWN_LABEL = 22
_NOT_DRAWN = frozenset({"Cc", "Cn", "Cs", "Zl", "Zp"})
"""Control characters, none at all, halves of pairs, separators of lines and paragraphs."""
_FEW, _NAME = 10, 40
"""So many values of so many characters are drawn by name."""
_AXIS = {
    "gridColor": _INK,
    "gridOpacity": 0.25,
    "domain": False,
    "tickColor": _INK,
    "labelColor": _INK,
    "titleColor": _INK,
    "titleFontWeight": "normal",
    "labelLimit": 160,
    "tickCount": 5,
}
_CONFIG = {"background": "transparent", "font": "system-ui, sans-serif", "view": {"stroke": None}, "axis": _AXIS}


def bars(rows: Sequence[tuple[str, float]], *, good: str | None = None, unit: str = "records") -> str:
    """Draw one bar for each (name, number), in this order; with `good`, the bar of this name is green, others red."""
    data = [
        {"at": at, "name": _short(name), "number": number, "colour": _colour(name, good)}
        for at, (name, number) in enumerate(rows)
    ]
    labels = {"labelExpr": f"{orjson.dumps([each['name'] for each in data]).decode()}[datum.value]"}
    y = {"field": "at", "type": "ordinal", "title": None, "axis": {"grid": False, **labels}}
    x = {"field": "number", "type": "quantitative", "title": unit}
    colour = {"field": "colour", "type": "nominal", "scale": None}
    return _drawn(data, "bar", {"x": x, "y": y, "color": colour}, height=_BAR_HEIGHT * len(data))


def histogram(statistics: FieldStatistics) -> str:
    """Draw how the measures of a field are distributed; what lies beyond the first and the last bin stands in these.

    Nothing where doubles have no such bins: values that differ in their last digit, or by more than the greatest.
    """
    import numpy as np  # noqa: PLC0415 - where reports are made alone

    low, high = np.quantile(statistics.values, (0.005, 0.995))
    whole = statistics.spec.type is not FieldType.NUMBER
    bins = min(_BINS, int(high - low) + 1) if whole else _BINS
    try:
        with np.errstate(all="ignore"):
            counts, edges = np.histogram(np.clip(statistics.values, low, high), bins=bins)
    except ValueError:
        return ""
    data = [
        {"from": float(edges[at]), "to": float(edges[at + 1]), "records": int(count)} for at, count in enumerate(counts)
    ]
    measured = {"type": "quantitative", "bin": "binned", "axis": {"grid": False}}
    x = measured | {"field": "from", "title": MEASURES[statistics.spec.type]}
    y = {"field": "records", "type": "quantitative"}
    return _drawn(data, "bar", {"x": x, "x2": {"field": "to"}, "y": y, "color": {"value": _PLAIN}}, height=_HEIGHT)


def field_plot(statistics: FieldStatistics) -> str:
    """Draw a field: its values where they are few, else how its measures are distributed; nothing without values."""
    few = statistics.distinct is not None and statistics.distinct <= _FEW
    if statistics.top and few and max(len(value) for value, _ in statistics.top) <= _NAME:
        return bars(statistics.top)
    if statistics.spec.type in MEASURES and len(statistics.values) > 1:
        return histogram(statistics)
    return ""


def _drawn(data: list[dict[str, Any]], mark: str, encoding: dict[str, Any], *, height: int) -> str:
    """Return the address of an image that holds the plot: what stands in it can neither run nor clash in a page."""
    import vl_convert  # noqa: PLC0415 - 30 MB that only those who draw need

    plot = {"data": {"values": data}, "mark": mark, "encoding": encoding, "width": _WIDTH, "height": height}
    svg = vl_convert.vegalite_to_svg(orjson.dumps(plot | {"config": _CONFIG}).decode(), allowed_base_urls=[])
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


def _colour(name: str, good: str | None) -> str:
    if good is None:
        return _PLAIN
    return _GOOD if name == good else _BAD


def _short(text: str) -> str:
    """Cut a label short. What no XML may hold, and line ends, which no expression may, end the renderer."""
    text = "".join("\ufffd" if unicodedata.category(each) in _NOT_DRAWN else each for each in text)
    return text if len(text) <= _SHOWN_LABEL else text[: _SHOWN_LABEL - 1] + "…"

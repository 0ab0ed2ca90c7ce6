"""How a chart looks: options for lightweight-charts from the page's colours, by their token names. Pure."""

from __future__ import annotations

from ..own_lines import Line

RIGHT_BARS = 4
"""Room to the right of the newest bar."""
_DASHED = 2
_LINE_STYLES = {"average": 0, "draft": 1, "exit": 1}
_LINE_COLOURS = {"buy": "up", "sell": "down", "stop": "amber", "average": "accent", "draft": "text-0", "exit": "text-1"}
COLOURS = ("surface-1", "line", "text-0", "text-1", "text-2", "up", "down", "amber", "accent", *(f"study-{number}" for number in range(1, 7)))


def chart_options(c: dict[str, str], font: str) -> dict:
    """The chart itself."""
    faint = c["line"] + "80"
    cross = {"color": c["text-2"], "labelBackgroundColor": c["text-2"]}
    return {
        "autoSize": True,
        "layout": {
            "background": {"type": "solid", "color": c["surface-1"]},
            "textColor": c["text-1"],
            "fontSize": 12,
            "fontFamily": font,
            "attributionLogo": False,
            "panes": {"separatorColor": c["line"], "separatorHoverColor": c["line"] + "80"},
        },
        "grid": {"vertLines": {"color": faint}, "horzLines": {"color": faint}},
        "crosshair": {"mode": 0, "vertLine": cross, "horzLine": cross},
        "rightPriceScale": {"borderColor": c["line"], "scaleMargins": {"top": 0.08, "bottom": 0.22}},
        "timeScale": {"borderColor": c["line"], "rightOffset": RIGHT_BARS, "barSpacing": 7, "minBarSpacing": 1},
        "localization": {"dateFormat": "yyyy-MM-dd"},
    }


def candle_options(c: dict[str, str]) -> dict:
    """Hollow up, full down, so that colour is never alone."""
    up, down = c["up"], c["down"]
    return {
        "upColor": c["surface-1"],
        "downColor": down,
        "borderUpColor": up,
        "borderDownColor": down,
        "wickUpColor": up,
        "wickDownColor": down,
        "lastValueVisible": False,
        "priceLineVisible": False,
    }


def last_options(c: dict[str, str], last: tuple[float, str]) -> dict:
    """The line of the newest price: (price, up or down)."""
    colour = c[last[1]]
    label = {"axisLabelVisible": True, "axisLabelTextColor": c["surface-1"]}
    return {"price": last[0], "color": colour, "lineWidth": 1, "lineStyle": 1, "title": "", **label}


def volume_options() -> dict:
    """Volume at the foot of the prices."""
    quiet = {"priceLineVisible": False, "lastValueVisible": False}
    return {"priceScaleId": "volume", "priceFormat": {"type": "volume"}, **quiet}


def band_options(c: dict[str, str]) -> dict:
    """Bands where data is missing."""
    colour = c["amber"] + "33"
    return {"priceScaleId": "gaps", "color": colour, "priceLineVisible": False, "lastValueVisible": False}


def line_options(c: dict[str, str], line: Line, chosen: bool) -> dict:
    """An own line; a chosen one stands out."""
    colour = c[_LINE_COLOURS[line.kind]]
    return {
        "price": float(line.price),
        "color": colour,
        "lineWidth": 3 if chosen else 1,
        "lineStyle": _LINE_STYLES.get(line.kind, _DASHED),
        "axisLabelVisible": True,
        "axisLabelTextColor": c["surface-1"],
        "title": line.title,
    }

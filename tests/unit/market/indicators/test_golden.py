"""The golden series of two other libraries, within their own precision. What they begin otherwise is compared once that has faded."""

from __future__ import annotations

import numpy as np
import pytest

from app.market.indicators import find
from tests.unit.market.indicators.kit import columns, lines

# indicator of the file: (ours, parameters, {field: output}, and one of: bars until another beginning has faded; "before" or "offset", see below;
# the share of bars that have to agree, where theirs takes the first of equal extremes or clamps a stop otherwise)
SKENDER = {
    "adx": ("DMI", {}, {"pdi": "plus", "mdi": "minus", "adx": "adx"}, 400),
    "aroon": ("AROON", {"timeperiod": 25}, {"aroonUp": "aroonup", "aroonDown": "aroondown"}, 0.99),
    "atr": ("ATR", {}, {"atr": "atr"}, 0),
    "bb": ("BBANDS", {}, {"sma": "middleband", "upperBand": "upperband", "lowerBand": "lowerband"}, 0),
    "cci": ("CCI", {"timeperiod": 20}, {"cci": "cci"}, 0),
    "donchian": ("DONCHIAN", {}, {"upperBand": "upperband", "centerline": "middleband", "lowerBand": "lowerband"}, "before"),
    "ema": ("EMA", {"timeperiod": 20}, {"ema": "ema"}, 0),
    "heikinashi": ("HA", {}, {"open": "haopen", "high": "hahigh", "low": "halow", "close": "haclose"}, 0),
    "ichimoku": ("ICHIMOKU", {}, {"tenkanSen": "tenkan", "kijunSen": "kijun", "senkouSpanA": "senkoua", "senkouSpanB": "senkoub"}, 0),
    "keltner": ("KC", {"source": "close"}, {"upperBand": "upperband", "centerline": "middleband", "lowerBand": "lowerband"}, 0),
    "macd": ("MACD", {}, {"macd": "macd", "signal": "macdsignal", "histogram": "macdhist"}, 350),
    "mfi": ("MFI", {}, {"mfi": "mfi"}, 0),
    "obv": ("OBV", {}, {"obv": "obv"}, "offset"),
    "psar": ("SAR", {}, {"sar": "sar"}, 0.94),
    "roc": ("ROC", {"timeperiod": 14}, {"roc": "roc"}, 0),
    "rsi": ("RSI", {}, {"rsi": "rsi"}, 0),
    "sma": ("SMA", {"timeperiod": 20}, {"sma": "sma"}, 0),
    "stdev": ("STDDEV", {"timeperiod": 14}, {"stdDev": "stddev"}, 0),
    "stoch": ("STOCH", {"fastk_period": 14}, {"k": "slowk", "d": "slowd"}, 0),
    "supertrend": ("SUPERTREND", {}, {"superTrend": "supertrend"}, 0),
    "tr": ("TRANGE", {}, {"tr": "trange"}, 0),
    "vwap": ("VWAP", {"anchor": "all"}, {"vwap": "vwap"}, 0),
    "wma": ("WMA", {"timeperiod": 14}, {"wma": "wma"}, 0),
}


@pytest.mark.parametrize("case", lines("golden"), ids=lambda case: case["indicator"])
def test_stock_indicators(case: dict) -> None:
    name, params, fields, begins = SKENDER[case["indicator"]]
    found = find(name).build(**params).array(columns())
    compared = 0
    for field, output in fields.items():
        wanted = np.array([np.nan if row[field] is None else float(row[field]) for row in case["rows"]])
        got = found[output]
        if begins == "before":  # theirs leaves the newest bar out
            got = np.concatenate(([np.nan], got[:-1]))
        if begins == "offset":  # theirs begins at nothing
            got = got - got[0]
        there = ~np.isnan(wanted) & ~np.isnan(got)
        if isinstance(begins, int):
            there[:begins] = False
        compared += there.sum()
        scale = np.abs(wanted[there]).max()
        agrees = np.abs(got[there] - wanted[there]) <= 1e-8 * scale
        assert agrees.mean() >= (begins if isinstance(begins, float) else 1.0), f"{field} at {np.flatnonzero(there)[~agrees][:5]}"
    assert compared >= 100 * len(fields)


HLC, HLCV, C, HL, CV, O_C = ("high", "low", "close"), ("high", "low", "close", "volume"), ("close",), ("high", "low"), ("close", "volume"), ("open", "close")
# indicator: (ours, inputs in the file's order, names of its options, outputs, tolerance of the greatest)
TULIP = {
    "ad": ("AD", HLCV, (), ("ad",)),
    "adosc": ("ADOSC", HLCV, ("fastperiod", "slowperiod"), ("adosc",)),
    "aroon": ("AROON", HL, ("timeperiod",), ("aroondown", "aroonup")),
    "bbands": ("BBANDS", C, ("timeperiod", "nbdevup+nbdevdn"), ("lowerband", "middleband", "upperband")),
    "cci": ("CCI", HLC, ("timeperiod",), ("cci",)),
    "cmo": ("CMOU", C, ("timeperiod",), ("cmou",)),
    "dpo": ("DPO", C, ("timeperiod",), ("dpo",)),
    "emv": ("EMV", ("high", "low", "volume"), (), ("emv",)),
    "fosc": ("FOSC", C, ("timeperiod",), ("fosc",)),
    "medprice": ("MEDPRICE", HL, (), ("medprice",)),
    "mfi": ("MFI", HLCV, ("timeperiod",), ("mfi",)),
    "nvi": ("NVI", CV, (), ("nvi",)),
    "psar": ("SAR", HL, ("acceleration", "maximum"), ("sar",)),
    "qstick": ("QSTICK", O_C, ("timeperiod",), ("qstick",)),
    "rocr": ("ROCR", C, ("timeperiod",), ("rocr",)),
    "rsi": ("RSI", C, ("timeperiod",), ("rsi",)),
    "sma": ("SMA", C, ("timeperiod",), ("sma",)),
    "stddev": ("STDDEV", C, ("timeperiod",), ("stddev",)),
    "stoch": ("STOCH", HLC, ("fastk_period", "slowk_period", "slowd_period"), ("slowk", "slowd")),
    "tr": ("TRANGE", HLC, (), ("trange",)),
    "trima": ("TRIMA", C, ("timeperiod",), ("trima",)),
    "typprice": ("TYPPRICE", HLC, (), ("typprice",)),
    "ultosc": ("ULTOSC", HLC, ("timeperiod1", "timeperiod2", "timeperiod3"), ("ultosc",)),
    "vhf": ("VHF", C, ("timeperiod",), ("vhf",)),
    "vosc": ("VOSC", ("volume",), ("fastperiod", "slowperiod"), ("vosc",)),
    "wad": ("WAD", HLC, (), ("wad",)),
    "wcprice": ("WCLPRICE", HLC, (), ("wclprice",)),
    "willr": ("WILLR", HLC, ("timeperiod",), ("willr",)),
    "wma": ("WMA", C, ("timeperiod",), ("wma",)),
    "wilders": ("RMA", C, ("timeperiod",), ("rma",)),
}
OTHERWISE = {
    "adx": "its Wilder sums begin a bar earlier than TA-Lib's",
    "adxr": "as adx",
    "atr": "its true range begins with the first bar",
    "cvi": "its averages begin with the first range",
    "dema": "its averages begin with the first price",
    "di": "as adx",
    "dm": "as adx",
    "dx": "as adx",
    "ema": "begins with the first price",
    "kvo": "as dema",
    "macd": "its fast average has the weight 0.15",
    "mass": "as cvi",
    "obv": "begins at nothing; ours, as TA-Lib's, with the first volume",
    "tema": "as dema",
    "trix": "as dema",
}
"""What the two libraries do otherwise than TA-Lib, and these series are too short to fade."""


@pytest.mark.parametrize("case", [case for case in lines("atoz") if case["indicator"] not in OTHERWISE], ids=lambda case: case["indicator"])
def test_technical_analysis_from_a_to_z(case: dict) -> None:
    name, inputs, options, outputs = TULIP[case["indicator"]]
    series = [np.array(row, dtype=float) for row in case["series"]]
    cols = dict.fromkeys(("time", "open", "high", "low", "close", "volume"), series[0]) | dict(zip(inputs, series, strict=False))
    params = {name: value for option, value in zip(options, case["options"], strict=True) for name in option.split("+")}
    if case["indicator"] == "emv":
        params = {"timeperiod": 1}
    found = find(name).build(**params).array(cols)
    for output, wanted in zip(outputs, series[len(inputs) :], strict=True):
        got = found[output][len(found[output]) - len(wanted) :]
        there = ~np.isnan(got)  # theirs may begin earlier
        if case["indicator"] == "psar":
            there[:7] = False  # it takes the first direction from elsewhere
        assert there.sum() >= len(wanted) // 2
        assert np.abs(got[there] - wanted[there]).max() <= 0.0011 * max(1.0, np.abs(wanted).max() / 1000), output


def test_every_case_is_compared_or_named() -> None:
    assert {case["indicator"] for case in lines("atoz")} == TULIP.keys() | OTHERWISE.keys()
    assert {case["indicator"] for case in lines("golden")} == SKENDER.keys()

"""Stream names and control requests, with the error texts the exchange documents."""

from __future__ import annotations

import json
import re

from .market import INTERVALS_MS

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
KINDS = re.compile(
    r"(trade|aggTrade|bookTicker|miniTicker|ticker|depth(@100ms|@1000ms)?|depth(5|10|20)(@100ms|@1000ms)?"
    r"|kline_(" + "|".join(INTERVALS_MS) + r"))\Z"
)
_STREAM = re.compile(r"[a-z0-9]{1,20}@([A-Za-z0-9_@]+)\Z")


class BadRequest(Exception):
    """A control message the exchange refuses; ``answer`` is what it says."""

    def __init__(self, code: int, message: str, number: object = None) -> None:
        super().__init__(message)
        self.answer = {"code": code, "msg": message} | ({"id": number} if number is not None else {})


def read_request(text: str) -> dict:
    """method, params and id of a control message; BadRequest with the documented code."""
    try:
        data = json.loads(text)
    except ValueError as error:
        line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
        raise BadRequest(3, f"Invalid JSON: expected value at line {line} column {column}") from error
    if not isinstance(data, dict):
        raise BadRequest(2, "Invalid request: expected an object at line 1 column 0")
    number = data.get("id")
    if number is not None and not (isinstance(number, str) or (type(number) is int and 0 <= number < 2**64)):
        raise BadRequest(2, "Invalid request: request ID must be an unsigned integer")
    method = data.get("method")
    if method is None:
        raise BadRequest(2, f"Invalid request: missing field `method` at line 1 column {len(text)}", number)
    if method not in METHODS:
        known = ", ".join(f"`{name}`" for name in METHODS)
        raise BadRequest(
            2,
            f"Invalid request: unknown variant `{method}`, expected one of {known} at line 1 column {len(text)}",
            number,
        )
    return {"method": method, "params": _params(method, data.get("params"), number), "id": number}


def _params(method: str, params: object, number: object) -> list:
    if method == "LIST_SUBSCRIPTIONS":
        return []
    if not isinstance(params, list):
        raise BadRequest(2, "Invalid request: missing field `params`", number)
    if method in ("SET_PROPERTY", "GET_PROPERTY"):
        if not params or not isinstance(params[0], str):
            raise BadRequest(2, "Invalid request: property name must be a string", number)
        if params[0] != "combined":
            raise BadRequest(0, "Unknown property", number)
        if method == "SET_PROPERTY":
            if len(params) > 2:
                raise BadRequest(2, "Invalid request: too many parameters", number)
            if len(params) < 2 or not isinstance(params[1], bool):
                raise BadRequest(1, "Invalid value type: expected Boolean", number)
    elif not all(isinstance(name, str) for name in params):
        raise BadRequest(2, "Invalid request: stream names must be strings", number)
    return params


def check_stream(name: str, symbols: set[str], number: object) -> None:
    """BadRequest for a name no stream can have. One of an unlisted symbol is accepted, and silent."""
    if name == "!serverShutdown":
        return
    found = _STREAM.match(name)
    if found is None or not KINDS.match(found[1]):
        raise BadRequest(2, f"Invalid request: unknown stream {name[:60]}", number)

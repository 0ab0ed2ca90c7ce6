"""The one fetch of the desk: eleven ways to an answer, tried in an order that is learned for each host.

`Chain.fetch` takes a `Request` and gives a `Response` of whatever status, or raises `FetchFailed` (no answer, in plain words) or
`FetchUnknown` (no answer, but the request may have had an effect). Knows HTTP, never what an answer means.
"""

from .chain import Chain
from .messages import Attempt, FetchFailed, FetchUnknown, Request, Response
from .strategies import STRATEGIES

__all__ = ["STRATEGIES", "Attempt", "Chain", "FetchFailed", "FetchUnknown", "Request", "Response"]

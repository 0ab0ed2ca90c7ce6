"""How messages to a page are written."""

from __future__ import annotations

import json

to_text = json.JSONEncoder(separators=(",", ":")).encode
"""A message as the text that is posted."""

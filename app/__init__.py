"""Kontor: a trading desk that lives in a browser tab. Importable in CPython and in Pyodide alike."""

VERSION = "0.1.0"

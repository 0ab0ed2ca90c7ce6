"""Massive, formerly Polygon.io: parser and client of its REST interface."""

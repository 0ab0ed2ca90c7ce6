"""Yahoo Finance: chart, spark and search answers; its unofficial interface has no contract."""

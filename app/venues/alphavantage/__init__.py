"""Alpha Vantage: parser and client."""

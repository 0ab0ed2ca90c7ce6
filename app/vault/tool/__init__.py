"""The recovery tool: reads and makes exports and native vaults in a terminal, without a browser."""

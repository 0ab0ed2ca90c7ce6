"""`python -m app.vault`: exports and vaults outside the browser. `--help` says what it does."""

import sys

try:
    from app.vault.tool.cli import main
except ModuleNotFoundError as error:
    if error.name != "cryptography":
        raise
    sys.exit("python -m app.vault needs the package cryptography: pip install cryptography")

sys.exit(main())

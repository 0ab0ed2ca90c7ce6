"""Set-up and build: the vendored runtime, the memory snapshot, the static site. Never imported by the product."""

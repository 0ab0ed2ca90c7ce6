"""The only server Kontor has: it serves the desk, forwards, relays and signs in. What it guarantees is in README.md.

Self-contained: imports nothing of app/. Stateless, so several can stand behind a load balancer.
"""

VERSION = "0.1.0"

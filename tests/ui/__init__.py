"""Prefect's real UI, driven in a browser. Not part of `make test`; `make test-ui` runs it."""

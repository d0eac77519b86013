"""Data that ships with the package: the products of the demo."""

from __future__ import annotations

from pathlib import Path

DEMO_PRODUCTS = Path(__file__).with_name("demo_products.csv")
"""64 products of eight kinds, in six languages, with missing values, quotes, commas and line breaks."""

"""The data type `product`: texts and attributes for a catalogue, with the source's facts held fast."""

from __future__ import annotations

from batchgen.data_types.contract import DataType
from batchgen.data_types.product.fetcher import ProductFetcher
from batchgen.data_types.product.generator import ProductPromptGenerator
from batchgen.data_types.product.options import ProductOptions
from batchgen.data_types.product.strategy import ProductResultStrategy

PRODUCT = DataType(
    name="product",
    summary="Titles, descriptions, attributes and more for the products of a catalogue; SKU, price and brand stay.",
    source_help="CSV, JSONL or Parquet (a path or s3:// address) with one product a row",
    options_type=ProductOptions,
    fetcher=ProductFetcher,
    prompt_generator=ProductPromptGenerator,
    result_strategy=ProductResultStrategy,
)

__all__ = ["PRODUCT"]

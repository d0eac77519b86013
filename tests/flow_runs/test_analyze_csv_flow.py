"""The flow that analyses a CSV file: its result, and the artifact that a person reads."""

from __future__ import annotations

import orjson
import pytest
from pipeline import Pipeline
from prefect.client.orchestration import SyncPrefectClient

from batchgen.errors import SourceNotFound
from flows.analyze_csv import analyze_csv


def test_a_file_is_analysed_and_shown(configured: Pipeline, client: SyncPrefectClient) -> None:
    path = configured.folder / "prices.csv"
    path.write_text("name,price\n" + "".join(f"item {n},{n}\n" for n in range(50)), encoding="utf-8")
    result = analyze_csv(str(path))
    assert result["analysis"]["rows"] == 50
    assert "profile" not in result
    stored = orjson.loads(configured.services.uploads.read(result["key"]))
    assert stored["analysis"] == result["analysis"]
    [artifact] = [each for each in client.read_artifacts() if (each.key or "").startswith("analysis-")]
    assert "prices.csv" in str(artifact.data)


@pytest.mark.usefixtures("client")
def test_a_file_that_is_not_there_fails_the_run(configured: Pipeline) -> None:
    with pytest.raises(SourceNotFound):
        analyze_csv(str(configured.folder / "nowhere.csv"))

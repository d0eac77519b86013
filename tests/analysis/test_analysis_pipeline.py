"""One call analyses a CSV file: a result or a clear error, whatever is wrong, from any thread; nothing is left."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from pipeline import Pipeline, StartPipeline
from waiting import wait_until

from batchgen.data_types.csv_analysis.fetcher import profile_of
from batchgen.data_types.csv_analysis.options import CsvAnalysisOptions
from batchgen.lifecycle import BatchStatus
from batchgen.pipeline_orchestrator import main, run_analysis_pipeline
from batchgen.settings import Settings
from batchgen.simulator import Answer, AnswerRequest
from batchgen.sources.opened import OpenedSource

TABLE = "id;이름;preis;menge\n" + "".join(f"{n};컵 ☕ {n % 3};{n / 4};{n % 7}\n" for n in range(200))
GOOD = {
    "summary": "Die Tabelle hat 200 Zeilen mit Preisen in `preis` und Mengen; die Namen stehen in `이름`. 日本語 🎉",
    "findings": ["`preis` reicht von 0 bis 49,75."],
    "data_quality": None,
    "recommendations": ["Mehr Daten sammeln."],
    "answer": None,
}


def script(request: AnswerRequest) -> Answer:
    prompt = request.body["messages"][1]["content"]
    asked = prompt.startswith("Question:")
    if "nonsense" in prompt:
        return Answer("I like tables.")
    if "invents" in prompt and len(request.body["messages"]) == 2:
        return Answer(orjson.dumps(GOOD | {"findings": ["`umsatz` wächst."]}).decode())
    return Answer(orjson.dumps(GOOD | {"answer": "49,75" if asked else None}).decode())


@pytest.fixture
def pipeline(start_pipeline: StartPipeline) -> Pipeline:
    return start_pipeline(script)


def settings(pipeline: Pipeline, **changes: str | None) -> Settings:
    values = {name: value for name, value in (pipeline.environment | changes).items() if value is not None}
    return Settings.model_validate(values)


def table(pipeline: Pipeline, name: str = "preise.csv", content: str | bytes = TABLE) -> Path:
    path = pipeline.folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def left(pipeline: Pipeline) -> list[Path]:
    """Working files that are still there."""
    work = pipeline.folder / "state" / "work"
    return list(work.iterdir()) if work.exists() else []


def test_a_csv_is_analysed_and_the_answer_stored(pipeline: Pipeline) -> None:
    path = table(pipeline)
    result, error = run_analysis_pipeline(path, question="Wie hoch ist der höchste Preis?", settings=settings(pipeline))
    assert error is None
    assert result is not None
    assert result["analysis"] == {
        "file": "preise.csv",
        "question": "Wie hoch ist der höchste Preis?",
        "rows": 200,
    } | GOOD | {"answer": "49,75"}
    [price] = [column for column in result["profile"]["columns"] if column["name"] == "preis"]
    assert (price["max"], price["missing"], price["median"]) == ("49.75", 0, 24.875)
    assert orjson.loads(pipeline.services.uploads.read(result["key"]))["analysis"] == result["analysis"]
    assert pipeline.services.uploads.read(f"state/analyses/{result['analysis_id']}/input.csv") == path.read_bytes()
    assert result["simulated"] is True
    assert left(pipeline) == []


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.csv", b"", "holds no records"),
        ("header.csv", b"a,b\n", "holds no records"),
        ("junk.csv", bytes(range(256)) * 500, "no text"),
        ("nonsense.csv", TABLE, "no analysis of nonsense.csv that can be used (invalid_json"),
    ],
)
def test_what_cannot_be_analysed_is_told(pipeline: Pipeline, name: str, content: str | bytes, told: str) -> None:
    result, error = run_analysis_pipeline(table(pipeline, name, content), settings=settings(pipeline))
    assert result is None
    assert told in (error or "")
    assert left(pipeline) == []


@pytest.mark.parametrize(
    ("path", "changes", "told"),
    [
        ("nowhere.csv", {}, "no such file"),
        ("", {}, "it is a folder"),
        ("\udcff.csv", {}, "its name is not UTF-8"),
        ("x" * 5_000, {}, "File name too long"),
        ("preise.csv", {"OPENAI_API_KEY": None}, "OPENAI_API_KEY is not set"),
        ("preise.csv", {"BATCHGEN_S3_BUCKET": None}, "BATCHGEN_S3_BUCKET is not set"),
        ("preise.csv", {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, "S3 is not available"),
        ("preise.csv", {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, "OpenAI is not available"),
    ],
)
def test_what_is_missing_or_away_is_told(pipeline: Pipeline, path: str, changes: dict[str, Any], told: str) -> None:
    table(pipeline)
    result, error = run_analysis_pipeline(pipeline.folder / path, settings=settings(pipeline, **changes))
    assert result is None
    assert told in (error or "")
    assert left(pipeline) == []


@pytest.mark.parametrize("mode", ["sync", "batch"])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"path": None}, "None cannot be opened: it is no path"),
        ({"path": 5}, "it is no path"),
        ({"path": b"\xff.csv"}, "its name is not UTF-8"),
        ({"path": "a\0b.csv"}, "null byte"),
        ({"time_limit_s": float("nan")}, "time_limit_s is a number of seconds above 0, not nan"),
        ({"time_limit_s": -1}, "time_limit_s"),
        ({"time_limit_s": float("inf")}, "time_limit_s"),
        ({"time_limit_s": "5"}, "time_limit_s"),
        ({"mode": "quick"}, "mode is sync or batch"),
        ({"question": "\udcff"}, "no Unicode text"),
        ({"question": 5}, "valid string"),
        ({"model": 5}, "model is the name of a model"),
        ({"language": "Klingon"}, "not known"),
    ],
)
def test_an_argument_that_is_none_is_told(pipeline: Pipeline, mode: str, given: dict[str, Any], told: str) -> None:
    arguments: dict[str, Any] = {"path": table(pipeline), "mode": mode, "settings": settings(pipeline)} | given
    result, error = run_analysis_pipeline(**arguments)
    assert result is None
    assert told in (error or "")
    (error or "").encode()
    assert "report it" not in (error or "")
    assert left(pipeline) == []


def test_any_path_to_a_file_and_any_limit_will_do(pipeline: Pipeline) -> None:
    path = os.fsencode(table(pipeline, "weird [1] 컵.CSV"))
    result, error = run_analysis_pipeline(path, time_limit_s=1e300, settings=settings(pipeline))
    assert error is None
    assert result is not None
    assert result["analysis"]["file"] == "weird [1] 컵.CSV"


class Dripping(BaseHTTPRequestHandler):
    """A server that always has another byte to come, and so never runs into a limit on waiting for one."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Begin an answer that never ends."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        with suppress(OSError):
            while not self.server.over.wait(0.05):  # type: ignore[attr-defined]
                self.wfile.write(b" ")

    do_POST = do_GET = do_PUT = do_HEAD = answer  # noqa: N815 - named by http.server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by http.server
        """Say nothing."""


@pytest.fixture
def dripping() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    server.over = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.over.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("service", ["OPENAI_BASE_URL", "AWS_ENDPOINT_URL_S3"])
def test_a_server_that_never_ends_its_answer_holds_nobody_up(pipeline: Pipeline, dripping: str, service: str) -> None:
    began = time.monotonic()
    given = settings(pipeline, **{service: dripping})
    result, error = run_analysis_pipeline(table(pipeline), settings=given, time_limit_s=0.5)
    assert time.monotonic() - began < 20
    assert result is None
    assert "preise.csv was not done after 0.5 s" in (error or "")
    assert left(pipeline) == []


def test_a_column_that_is_not_there_is_asked_about_once_more(pipeline: Pipeline) -> None:
    result, error = run_analysis_pipeline(table(pipeline, "invents.csv"), settings=settings(pipeline))
    assert error is None
    assert result is not None
    assert result["analysis"]["findings"] == GOOD["findings"]
    assert result["usage"]["output_tokens"] > 0


def test_a_file_larger_than_the_memory_of_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    line = f'{{}},"{"said yes, later " * 3_000}"\n'
    with path.open("w", encoding="utf-8") as file:
        file.write("order,note\n")
        file.writelines(line.format(number) for number in range(11_000))
    assert path.stat().st_size > 512_000_000
    profile = profile_of(OpenedSource(path.name, path), CsvAnalysisOptions())
    path.unlink()
    assert profile["rows"] == 11_000


def test_twenty_threads_at_once(pipeline: Pipeline) -> None:
    path, given = table(pipeline), settings(pipeline)
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: run_analysis_pipeline(path, settings=given), range(20)))
    assert all(error is None and result is not None for result, error in found)
    assert len({result["analysis_id"] for result, _ in found if result}) == 20
    assert left(pipeline) == []
    wait_until(lambda: not any(isinstance(each, threading.Timer) for each in threading.enumerate()))


def analyse_in_child(path: str, environment: dict[str, str], answers: Any) -> None:
    os.environ.update(environment)
    answers.put(run_analysis_pipeline(path))


def test_it_works_in_a_spawned_process_with_settings_of_the_environment(pipeline: Pipeline) -> None:
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    environment = pipeline.environment | {"BATCHGEN_ENV_FILE": ""}
    child = context.Process(target=analyse_in_child, args=(str(table(pipeline)), environment, answers))
    child.start()
    result, error = answers.get(timeout=60)
    child.join(timeout=60)
    assert (error, child.exitcode) == (None, 0)
    assert result["analysis"]["rows"] == 200


def test_the_command_prints_one_document(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    for name, value in pipeline.environment.items():
        monkeypatch.setenv(name, value)
    assert main([str(table(pipeline))]) == 0
    assert orjson.loads(capsysbinary.readouterr().out)["analysis"]["rows"] == 200
    assert main(["nowhere.csv"]) == 1
    assert "no such file" in orjson.loads(capsysbinary.readouterr().out)["error"]
    assert main(["\udcff.csv"]) == 1
    assert "not UTF-8" in orjson.loads(capsysbinary.readouterr().out)["error"]


def test_many_files_and_questions_go_through_the_stages_at_batch_price(pipeline: Pipeline) -> None:
    folder = pipeline.folder / "tables"
    folder.mkdir()
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text(TABLE, encoding="utf-8")
    summary, error = run_analysis_pipeline(folder, question="Wie viel?", mode="batch", settings=settings(pipeline))
    assert error is None
    assert summary is not None
    assert (summary["records"], summary["status"]) == (2, "PROCESSING")
    pipeline.services.advance(summary["job_id"])
    batch = pipeline.services.ids.get(summary["batches"][0]["batch_id"])
    assert (batch.status, batch.accepted) == (BatchStatus.READY_FOR_REVIEW, 2)
    assert [line["record_id"] for line in pipeline.lines(batch)] == ["a.csv", "b.csv"]

"""What a script is asked and what it may answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """One request, as a script sees it."""

    endpoint: str
    """``/v1/chat/completions``, ``/v1/responses`` or ``/v1/embeddings``"""

    body: dict[str, Any]

    custom_id: str | None = None
    """None for a request that came outside a batch"""

    batch_id: str | None = None

    metadata: Mapping[str, str] = field(default_factory=dict)
    """the batch's own"""

    attempt: int = 1
    """1 the first time this custom_id is answered, 2 the second; not counted for the default script"""

    @property
    def model(self) -> str:
        return str(self.body["model"])


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back for one request. Left as it is: HTTP 200 with ``text``."""

    text: str = ""
    refusal: str | None = None
    tool_calls: tuple[tuple[str, str], ...] = ()
    """(function, its arguments as JSON) at /v1/chat/completions: the caller is to call them and ask again"""

    finish_reason: str = "stop"
    """``length`` and ``content_filter`` become ``incomplete`` at /v1/responses"""

    status: int = 200
    """400 and above: this request fails with this HTTP status, unbilled, in the error file"""

    error_code: str | None = None
    """With a ``status`` of 400 or above: the code in its body. With 200: the request fails without an HTTP answer
    (``response`` null and ``error.code``, for example ``request_timeout``)."""

    error_message: str = "The simulator was told to fail this request."
    body: Any = None
    """not None: used as the response body just as it is"""

    body_as_string: bool = False
    """the response body as a string that holds JSON, as some servers send it"""

    missing: bool = False
    """billed, but its line is left out of the files"""

    duplicates: int = 0
    """its line stands this many times more in the file"""

    input_tokens: int | None = None
    output_tokens: int | None = None


AnswerScript = Callable[[AnswerRequest], Answer]

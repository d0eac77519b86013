"""Streams a multipart upload to disk: the body is never held in memory, whatever its size."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from batchgen.simulator.api_errors import ApiError

MAX_FIELD_BYTES = 65_536


@dataclass(slots=True)
class Upload:
    """What came in: the form's plain fields, and the file (its bytes are in the path given to ``receive``)."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None


async def receive(content_type: str, body: AsyncIterator[bytes], target: Path) -> Upload:
    """Write the form's file to ``target``. Raises ApiError 400 when the body is no multipart form."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise ApiError(400, "The request body must be multipart/form-data with a file.", param="file")
    with target.open("wb") as opened:
        form = _Form(boundary, opened)
        try:
            async for chunk in body:
                form.parser.write(chunk)
            form.parser.finalize()
            form.check_end()
        except MultipartParseError as error:
            raise ApiError(400, f"The multipart body could not be read: {error}", param="file") from error
    return form.upload


class _Form:
    """The parser's callbacks: which part they are in, and where its bytes go."""

    def __init__(self, boundary: bytes, target: BinaryIO) -> None:
        self.upload = Upload()
        self._target = target
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        self._field: bytearray | None = None
        self._name = ""
        self._ended = False
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_text,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    def check_end(self) -> None:
        """The parser itself takes a body that stops in its middle for whole."""
        if not self._ended:
            raise MultipartParseError("it ends before its last boundary")

    def _end(self) -> None:
        self._ended = True

    def _part_begin(self) -> None:
        self._disposition = self._header_name = self._header_value = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_text(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode()
        filename = options.get(b"filename")
        if filename is None:
            self._field = bytearray()
            return
        self._field = None
        self.upload.filename = filename.decode(errors="replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._target.write(memoryview(data)[start:end])
            return
        self._field += data[start:end]
        if len(self._field) > MAX_FIELD_BYTES:
            raise ApiError(400, f"The form field {self._name!r} is too long.", param=self._name)

    def _part_end(self) -> None:
        if self._field is not None:
            self.upload.fields[self._name] = self._field.decode(errors="replace")

"""Which model a job is for: within the policy of its data type, and large enough for its prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchgen.data_types.contract import DataType
from batchgen.models import Endpoint
from batchgen.openai_client.model_config import ModelCapability
from batchgen.openai_client.policies import ModelChoice, ModelPolicies, PromptSize

if TYPE_CHECKING:
    from batchgen.stages.intake import JobRequest

_ANY_SIZE = PromptSize()
_IMAGE = b"image"
"""Stands in every part of a content that is one."""


def choose_model(
    request: JobRequest, data_type: DataType[Any], policies: ModelPolicies, size: PromptSize = _ANY_SIZE
) -> ModelChoice:
    """The model of a job and the reason; raises InvalidModelError, UnknownModel among them."""
    chat = request.endpoint is Endpoint.CHAT
    return policies.choose(
        request.model,
        data_type.name,
        fallback=data_type.fallback_policy,
        default=data_type.default_model,
        needs=frozenset({ModelCapability.CHAT}) if chat else frozenset(),
        size=size,
    )


def most_tokens(paths: Iterable[Path], count_tokens: Callable[[bytes], int]) -> int:
    """The tokens of the largest request in files of them; without images it has no more than bytes: few are counted."""
    most = 0
    for path in paths:
        with path.open("rb", buffering=1 << 18) as lines:
            for line in lines:
                if len(line) > most or _IMAGE in line:
                    most = max(most, count_tokens(line))
    return most

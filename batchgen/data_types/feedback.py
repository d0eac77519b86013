"""How a model is told why its last answer was not accepted: the same words for every data type."""

from __future__ import annotations

from batchgen.data_types.contract import DataType, Feedback

TEMPLATE = "Your last answer was not accepted ({reason}): {detail}\nAnswer again in full, with this corrected."


def feedback_message(feedback: Feedback) -> dict[str, str]:
    """Return the user message that carries the feedback, at most FEEDBACK_LIMIT characters long."""
    room = DataType.FEEDBACK_LIMIT - len(TEMPLATE.format(reason=feedback.reason, detail=""))
    detail = feedback.detail if len(feedback.detail) <= room else feedback.detail[: room - 1] + "…"
    return {"role": "user", "content": TEMPLATE.format(reason=feedback.reason, detail=detail)}

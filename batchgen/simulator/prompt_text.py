"""The text inside a request body, whichever endpoint it is for."""

from typing import Any


def user_text(body: dict[str, Any]) -> str:
    """The user's messages (chat or responses) or the input (embeddings) as one text."""
    messages = body.get("messages", body.get("input"))
    if isinstance(messages, str):
        return messages
    if not isinstance(messages, list):
        return ""
    texts = [_content(item) for item in messages if isinstance(item, str) or item.get("role", "user") == "user"]
    return "\n".join(texts)


def all_text(body: dict[str, Any]) -> str:
    """Every text the model would read: instructions, system messages and the user's."""
    messages = body.get("messages", body.get("input"))
    instructions = body.get("instructions") or ""
    if isinstance(messages, str):
        return instructions + messages
    if not isinstance(messages, list):
        return str(instructions)
    return "\n".join([instructions, *map(_content, messages)]) if instructions else "\n".join(map(_content, messages))


def _content(message: Any) -> str:
    if isinstance(message, str):
        return message
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))

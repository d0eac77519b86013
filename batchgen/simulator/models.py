"""The model ids known by default: the text and embedding models that the openai SDK 3.52 names, and o1-preview."""

KNOWN_MODELS = tuple(
    """
    gpt-6-astra gpt-6.1-sol gpt-6.1-terra gpt-6-sol gpt-6-luna
    gpt-5.6-sol gpt-5.6-terra gpt-5.6-luna
    gpt-5.5 gpt-5.5-2026-04-23 gpt-5.5-pro gpt-5.5-pro-2026-04-23
    gpt-5.4 gpt-5.4-mini gpt-5.4-mini-2026-03-17 gpt-5.4-nano gpt-5.4-nano-2026-03-17 gpt-5.4-pro
    gpt-5.2 gpt-5.2-2025-12-11 gpt-5.2-pro gpt-5.2-pro-2025-12-11
    gpt-5.1 gpt-5.1-2025-11-13 gpt-5.1-mini gpt-5.1-codex gpt-5.1-codex-max
    gpt-5 gpt-5-2025-08-07 gpt-5-mini gpt-5-mini-2025-08-07 gpt-5-nano gpt-5-nano-2025-08-07
    gpt-5-pro gpt-5-pro-2025-10-06 gpt-5-codex
    gpt-4.1 gpt-4.1-2025-04-14 gpt-4.1-mini gpt-4.1-mini-2025-04-14 gpt-4.1-nano gpt-4.1-nano-2025-04-14
    gpt-4o gpt-4o-2024-05-13 gpt-4o-2024-08-06 gpt-4o-2024-11-20 gpt-4o-mini gpt-4o-mini-2024-07-18
    gpt-4-turbo gpt-4-turbo-2024-04-09 gpt-4 gpt-4-0613 gpt-3.5-turbo gpt-3.5-turbo-0125
    o4-mini o4-mini-2025-04-16 o3 o3-2025-04-16 o3-mini o3-mini-2025-01-31 o3-pro o3-pro-2025-06-10
    o1 o1-2024-12-17 o1-preview o1-preview-2024-09-12 o1-mini o1-mini-2024-09-12 o1-pro o1-pro-2025-03-19
    text-embedding-3-small text-embedding-3-large text-embedding-ada-002
    """.split()  # noqa: SIM905 - one line a family reads better than one line a model
)
REASONING_FAMILIES = ("o1", "o3", "o4", "gpt-5", "gpt-6")
NO_THINKING_WITH_TOOLS = ("gpt-5.4", "gpt-5.5", "gpt-5.6", "gpt-6")
"""Those that take tools at /v1/chat/completions only with the reasoning_effort none."""
THINKING_ALWAYS = ("gpt-6-astra", "gpt-6.1-sol")
"""Those that know no reasoning_effort none."""
CACHE_WRITING_FAMILIES = ("gpt-5.6", "gpt-6")
"""Those that bill what they put into the cache at a price of its own."""

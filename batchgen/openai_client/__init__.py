"""Everything that talks to OpenAI, and what is known of its models, prices and limits."""

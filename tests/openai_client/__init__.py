"""The OpenAI client: catalogue, prices, tokens, answers, and the Batch API through the real SDK."""

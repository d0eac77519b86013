"""The simulator as a client sees it: through the openai SDK, over HTTP."""

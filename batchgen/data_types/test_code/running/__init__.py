"""Running an answer's tests: where, with what, and what that shows."""

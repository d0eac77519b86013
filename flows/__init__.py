"""The flows: one file a stage, in the order of the data's way. `flows.generate` runs a job to its end."""

from flows.job import ReviewAnswer, generate

__all__ = ["ReviewAnswer", "generate"]

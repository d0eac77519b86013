"""What a record costs the client from the source to the stored result, beside the least that it could cost.

`python -m benchmarks` runs both and compares; docs/benchmarks.md says what the figures mean.
"""

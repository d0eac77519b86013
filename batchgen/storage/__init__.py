"""Where batches, files and results are kept: Redis for state, the local disk while working, S3 for good."""

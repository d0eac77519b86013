"""What readers get: files, a patch, a report, and what is left after a reviewer's decision."""

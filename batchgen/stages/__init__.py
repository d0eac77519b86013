"""The four stages that move a batch, each usable by itself and safe to run twice."""

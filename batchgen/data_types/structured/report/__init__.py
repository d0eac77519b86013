"""What a reviewer sees of structured answers: statistics of every field, plots, samples beside their input."""

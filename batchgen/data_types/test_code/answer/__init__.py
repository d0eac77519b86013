"""Reading an answer: its code, its tests, and what they may not do. Nothing is run here."""

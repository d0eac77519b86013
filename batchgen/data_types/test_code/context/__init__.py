"""What a model must see beside its target, within a budget of tokens."""

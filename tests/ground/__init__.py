"""The ground floor: models, lifecycle, errors, settings, logging, summary."""

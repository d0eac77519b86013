"""Services that a person talks to: they draft declared types, write reports, and answer questions about jobs.

Each asks a model through the one client manager, and nothing that the model says is passed on before it is checked.
"""

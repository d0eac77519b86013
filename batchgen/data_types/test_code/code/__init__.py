"""The code under test, as text: its modules, what is worth a test, what a call of it executes."""

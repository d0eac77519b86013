"""What data types with structured answers share: output fields, the form of an answer, facts, rules, language.

No data type of its own: it knows none of those that use it.
"""

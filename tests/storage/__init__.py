"""Contracts of the three storages: each test runs on a stand-in and on the real server."""

"""Crashes, faults and crowds: each request is paid at most once and nothing is lost, whatever happens."""

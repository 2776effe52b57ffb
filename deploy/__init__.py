"""The service on one machine (``local``), the demo (``demo``), what to fix (``doctor``), and Grafana's dashboards.

Nothing is imported here: each folder is a door of its own.
"""

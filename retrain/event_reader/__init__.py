"""Trains the reader of events that ships: ``python -m retrain.event_reader --data DIR --out DIR``."""

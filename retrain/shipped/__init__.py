"""How the default models are made: ``python -m retrain.shipped`` trains one, ``python -m retrain.shipped.calibrate``
calibrates it as it is served."""

from retrain.shipped.recipe import Options, make

__all__ = ["Options", "make"]

"""The registry: versions of the model, the pointer to the champion, and the pointer to the version in the shadow."""

from model.part import Part
from model.registry.adapters import copy_adapters
from model.registry.catalogue import describe, publication_times, verify, version_folder, version_names
from model.registry.champion_pointer import (
    Change,
    champion_folder,
    champion_history,
    champion_name,
    ensure_default,
    promote,
    rollback,
)
from model.registry.loading import best_running, load
from model.registry.manifest import BadVersion, File, Golden, Manifest, Metric
from model.registry.publishing import import_directory, publish
from model.registry.shadow_pointer import Shadow, clear_shadow, current_shadow, put_in_shadow
from model.registry.signatures import BadKey, new_key, sign, signers
from model.registry.stores import Location

__all__ = [
    # what a version is
    "BadVersion",
    "File",
    "Golden",
    "Manifest",
    "Metric",
    "Part",
    # versions in a registry
    "Location",
    "describe",
    "publication_times",
    "verify",
    "version_folder",
    "version_names",
    # signatures
    "BadKey",
    "new_key",
    "sign",
    "signers",
    # loading
    "best_running",
    "load",
    # publishing
    "copy_adapters",
    "import_directory",
    "publish",
    # the champion
    "Change",
    "champion_folder",
    "champion_history",
    "champion_name",
    "ensure_default",
    "promote",
    "rollback",
    # the shadow
    "Shadow",
    "clear_shadow",
    "current_shadow",
    "put_in_shadow",
]

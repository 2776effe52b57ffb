"""``python -m documents.schemas [--check]``: see ``documents.schemas.main``."""

from documents.schemas import main

main()

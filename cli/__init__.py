"""The groups of commands of ``finsent``, and what they share."""

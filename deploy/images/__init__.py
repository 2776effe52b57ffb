"""The images of finsent."""

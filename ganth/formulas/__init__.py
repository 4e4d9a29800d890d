"""The scalar definitions: each formula once, called by every loop."""

"""One hypothesis profile, and machine code kept out of the user's folders."""

from hypothesis import settings

settings.register_profile("ganth", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("ganth")

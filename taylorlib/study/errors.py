"""What goes wrong with a study, each in one sentence that says what to do."""

__all__ = ["CacheWarning", "StudyError"]


class StudyError(ValueError):
    """A study cannot be run or read as asked. What was finished before is kept."""


class CacheWarning(UserWarning):
    """A file of the cache was damaged, and its cell is computed again."""

"""The learners of the book's studies, by name."""

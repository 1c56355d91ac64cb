"""The comparisons of `make bench`, one a file; the file's name is the comparison's.

A file's docstring begins with its title in one line, and it has a function

    def contests(quick: bool) -> Iterator[Contest]

that yields what is timed against what; `quick` asks for sizes that take no time, for the tests.
"""

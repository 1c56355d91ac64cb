"""Failures that a reader can mend, each told in one sentence: what failed and what to do.

Standard library only, and in a syntax that old Pythons can read, since bootstrap.py needs it.
"""

import errno
import re
import sys

_MENDABLE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
)


class Told(Exception):
    """A failure whose message is the one sentence to show."""


def of_os_error(error):
    """The sentence for an OSError."""
    where = getattr(error, "filename", None) or "the book's folder"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            "The disk is full, %s could not be written: free some space and run make again." % where
        )
    if error.errno == errno.EROFS:
        return (
            "The disk is read-only, %s could not be written: copy the book to a disk that can be written."
            % where
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            "No permission to write %s: make the book's folder writable, or copy it to one that is."
            % where
        )
    return "%s: %s." % (where, error.strerror or error)


_SYMPTOMS = [
    (
        r"No space left on device|\[Errno 28\]|Disk quota exceeded|File too large",
        "The disk is full: free some space (environment and book need about 2 GB) and run make again.",
    ),
    (
        r"Read-only file system|\[Errno 30\]",
        "The disk is read-only: copy the book to a disk that can be written.",
    ),
    (
        r"Permission denied|\[Errno 13\]",
        "No permission to write: make the book's folder writable, or copy it to one that is.",
    ),
    (
        r"THESE PACKAGES DO NOT MATCH THE HASHES",
        "A downloaded package does not match its hash in requirements.lock: check the package index in use.",
    ),
    (
        r"NewConnectionError|Connection (refused|reset|aborted)|Network is unreachable|"
        r"name resolution|Name or service not known|ConnectTimeout|Read timed out|ProxyError|"
        r"Could not fetch URL|getaddrinfo failed",
        "The packages could not be downloaded: connect to the network (only the first build needs it) "
        "and run make again.",
    ),
]


def of_output(text):
    """The sentence for what a command printed before it failed, or None if nothing is known."""
    for pattern, sentence in _SYMPTOMS:
        if re.search(pattern, text):
            return sentence
    return None


def run(main):
    """Run `main` and exit with its code; a failure that can be mended shows no traceback."""
    try:
        code = main()
    except Told as failure:
        sys.stdout.flush()
        sys.stderr.write("%s\n" % failure)
        code = 1
    except OSError as error:
        # the errors of shutil.copytree have no number; their text holds those of the single files
        known = of_output(str(error)) if error.errno is None else None
        if error.errno not in _MENDABLE and known is None:
            raise
        sys.stdout.flush()
        sys.stderr.write("%s\n" % (known or of_os_error(error)))
        code = 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. What was finished is kept.\n")
        code = 130
    sys.exit(code)

"""Large files from the net: resumed after a cut, checked, and never half in place.

The work is done by pooch; this module adds the resumption. A download grows in ``NAME.part``. If
the connection breaks, the next call asks the server for the rest only (HTTP ``Range``); a
server that can't do that sends everything again. A complete file whose SHA-256 is right gets its
name; with another one it is deleted.
"""

import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["DownloadError", "download"]

# What of a block has arrived when the connection breaks is lost.
_BLOCK = 1 << 14


class DownloadError(OSError):
    """A file could not be fetched; the message says why and what to do."""


def download(url: str, folder: str | Path, *, sha256: str, progress: bool = False) -> Path:
    """Fetch a file once, and afterwards return where it is.

    Args:
        url: Where it is on the net.
        folder: Where to keep it, made if it does not exist.
        sha256: Its SHA-256 in hexadecimal digits.
        progress: Show a bar with the time left.

    Returns:
        The path of the complete, checked file.

    Raises:
        DownloadError: If the net or the server can't be reached, the connection breaks (what
            has arrived is kept and used by the next call), the content is not what it should
            be, or the disk is full.
    """
    # Imported here: pooch takes a while, and only those who download need it.
    import pooch
    import requests

    folder = Path(folder)
    name = url.rsplit("/", 1)[-1]
    part = folder / f"{name}.part"
    try:
        found = pooch.retrieve(
            url,
            known_hash=f"sha256:{sha256}",
            fname=name,
            path=folder,
            downloader=_resuming(part, progress),
        )
    except requests.exceptions.RequestException as error:
        arrived = part.stat().st_size if part.exists() else 0
        kept = (
            f" {arrived} bytes are kept, and the next call goes on from there." if arrived else ""
        )
        raise DownloadError(
            f"could not fetch {url} ({type(error).__name__}). Is the machine offline?{kept}"
        ) from error
    except ValueError as error:
        raise DownloadError(
            f"{url} is not the file with SHA-256 {sha256}: altered on the way or at its source. "
            "It was deleted; try again."
        ) from error
    except OSError as error:
        raise DownloadError(f"could not write {part}: {error.strerror or error}.") from error
    return Path(found)


def _resuming(part: Path, progress: bool) -> Callable:
    """A downloader for pooch, which continues ``part`` and then moves it to its place."""
    import logging

    import pooch
    import requests
    from tqdm import tqdm

    pooch.get_logger().setLevel(logging.WARNING)

    def fetch(url: str, target: str, _pooch) -> None:
        have = part.stat().st_size if part.exists() else 0
        ask = {"Range": f"bytes={have}-"} if have else {}
        # Compression on the way would change what the byte numbers mean.
        headers = {"Accept-Encoding": "identity", **ask}
        with requests.get(url, stream=True, timeout=30, headers=headers) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                # Nothing is left to send: it is complete, or not a part of this file at all.
                _finish(part, target)
                return
            answer.raise_for_status()
            goes_on = answer.status_code == requests.codes.partial_content
            if goes_on and _first_byte(answer) != have:
                raise requests.exceptions.ContentDecodingError("the server sent another range")
            have = have if goes_on else 0
            length = answer.headers.get("Content-Length")
            whole = None if length is None else have + int(length)
            with (
                part.open("ab" if goes_on else "wb") as file,
                tqdm(
                    total=whole, initial=have, unit="B", unit_scale=True, disable=not progress
                ) as bar,
            ):
                for block in answer.iter_content(_BLOCK):
                    file.write(block)
                    bar.update(len(block))
        if whole is not None and part.stat().st_size != whole:
            raise requests.exceptions.ConnectionError("the connection was cut")
        _finish(part, target)

    return fetch


def _first_byte(answer) -> int:
    # Content-Range: bytes 100-199/200
    return int(answer.headers["Content-Range"].split()[1].split("-")[0])


def _finish(part: Path, target: str) -> None:
    os.replace(part, target)

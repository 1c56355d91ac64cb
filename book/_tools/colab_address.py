"""Where the book's pages and its Colab notebooks can be reached, from the repository's address."""

import address

BRANCH = "colab"  # holds the generated notebooks and nothing else
NOWHERE = "unset:"  # begins the link to a page as long as nobody has set the address


def of_pages(repository: str) -> str:
    """Where GitHub Pages shows the book: ``https://OWNER.github.io/NAME``, or ``unset:``."""
    if address.is_unset(repository):
        return NOWHERE
    owner, name = repository.rstrip("/").split("/")[-2:]
    host = f"{owner.lower()}.github.io"
    return f"https://{host}" if name.lower() == host else f"https://{host}/{name}"


def of_page(pages: str, docname: str) -> str:
    """One page of the book."""
    return f"{pages}/{docname}.html"


def is_known(link: str) -> bool:
    """Whether a link leads anywhere."""
    return not link.startswith(NOWHERE)

"""To open a page and wait until a reader could use it."""

from playwright.sync_api import Page


def arrive_at(page: Page, address: str) -> None:
    """Open the page at `address`; return when its scripts have run and nothing is being fetched any more.

    Quiet alone is not enough: a starved browser asks for nothing while it still reads the page, before any script ran.
    """
    page.goto(address, wait_until="load")
    page.wait_for_load_state("networkidle")

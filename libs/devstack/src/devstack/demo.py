"""`make demo`: the tour, printed step by step with its timings."""

import time
from collections.abc import Callable

import httpx
from rich.console import Console
from rich.markup import escape

from devstack.tour import StepFailed, Tour


def run_demo(console: Console, gateway_url: str, mailbox_url: str) -> int:
    """Take the tour and print it; return the exit status."""
    began = time.monotonic()
    console.print(f"The tour, through {gateway_url}")
    with Tour(gateway_url, mailbox_url) as tour:
        for step in tour.steps:
            if not _take(console, step):
                return 1
    console.print(f"All {len(tour.steps)} steps passed in {time.monotonic() - began:.1f} s.")
    console.print(f"  The post  {gateway_url}/api/v1/posts/{tour.post['slug']}")
    console.print(f"  The mails {mailbox_url}")
    return 0


def _take(console: Console, step: Callable[[], None]) -> bool:
    title = (step.__doc__ or step.__name__).rstrip(".")
    began = time.monotonic()
    try:
        step()
    except (StepFailed, httpx.TransportError) as error:
        console.print(f"  [red]✗[/] {title}\n    {escape(str(error))}")
        return False
    console.print(f"  [green]✓[/] {1000 * (time.monotonic() - began):6.0f} ms  {title}")
    return True

"""A person gets from registration to a read post, through the real gateway."""

from tests.e2e.platform import Platform

PROCESSES = {
    "postgres", "valkey", "mailbox", "traefik",
    "auth-app", "users-app", "posts-app", "notifier-app",
    "auth-worker", "users-worker", "posts-worker", "notifier-worker",
    "notifier-celery", "notifier-beat",
}  # fmt: skip


def test_the_tour_is_complete(platform: Platform) -> None:
    with platform.tour() as tour:
        tour.run()


def test_the_state_file_lists_every_process(platform: Platform) -> None:
    board = platform.stack.board()
    processes = {each["name"]: each for each in board["processes"]}
    assert set(processes) == PROCESSES
    for name, process in processes.items():
        assert process["pid"] > 0
        assert process["log"], name
    assert processes["postgres"]["url"].startswith("postgresql://")
    assert processes["valkey"]["url"].startswith("redis://")

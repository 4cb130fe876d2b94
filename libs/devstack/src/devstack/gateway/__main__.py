"""Writes, or with `--check` compares, the committed files that follow from the routing table."""

import argparse
import sys

from devstack.catalog import find_root
from devstack.gateway.render import drifted_files, render


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m devstack.gateway")
    parser.add_argument("command", choices=["render"])
    parser.add_argument("--check", action="store_true", help="only say which files would change")
    root = find_root()
    if parser.parse_args().check:
        drifted = drifted_files(root)
        for name in drifted:
            print(f"{name} differs from colonnade.toml: run python -m devstack.gateway render")
        return 1 if drifted else 0
    render(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Prints the size figures of CONVENTIONS 6 and fails where a cap is exceeded."""

import ast
import subprocess
import sys
from pathlib import Path

FUNCTION_CAP, FILE_CAP, TEST_FILE_CAP = 50, 400, 600
APP_CAP, CONFTEST_CAP = 40, 60


def tracked() -> list[Path]:
    """Return the Python files of the tree that hold code of ours."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (Path(line) for line in listed.stdout.split())
    return [path for path in paths if path.exists() and "versions" not in path.parts]


def is_test(path: Path) -> bool:
    """Tell whether the file belongs to tests."""
    return "tests" in path.parts or "testing" in path.parts


def functions(path: Path) -> list[tuple[int, str]]:
    """Return the length and the name of every function in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        (node.end_lineno - node.lineno + 1, f"{path}:{node.lineno} {node.name}")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]


def cap_of(path: Path) -> int:
    """Return how many lines a file may have."""
    if path.name == "conftest.py" and path.parts[0] == "services":
        return CONFTEST_CAP
    if path.name == "app.py" and path.parts[0] == "services":
        return APP_CAP
    return TEST_FILE_CAP if is_test(path) else FILE_CAP


def main() -> int:
    """Print the figures; return 1 if a cap is exceeded."""
    files = tracked()
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    sizes = sorted(size for path in files if not is_test(path) for size in functions(path))
    over = [f"{path}: {n} lines" for path, n in lengths.items() if n > cap_of(path)]
    over += [f"{name}: {n} lines" for n, name in sizes if n > FUNCTION_CAP]
    plain = [n for n, _ in sizes]
    source = sum(n for path, n in lengths.items() if not is_test(path))
    print(
        f"  sizes: {len(files)} files, {source} lines of code, "
        f"{sum(lengths.values()) - source} of tests; {len(plain)} functions: "
        f"median {plain[len(plain) // 2]}, p90 {plain[int(len(plain) * 0.9)]}, max {plain[-1]}"
    )
    for line in over:
        print(f"  FAIL  {line}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())

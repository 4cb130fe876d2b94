"""The tour in the README works as it is pasted."""

import re
import subprocess
from pathlib import Path

from tests.e2e.platform import Platform

README = Path(__file__).parents[2] / "README.md"


def test_the_tour_of_the_readme_works_when_pasted(platform: Platform) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    script = "set -eo pipefail\n" + "\n".join(blocks)
    script = script.replace("http://localhost:8080", platform.gateway_url)
    script = script.replace("http://localhost:8025", platform.mailbox_url)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"status":"accepted"' in done.stdout
    assert "\n204\n" in done.stdout
    assert '"display_name":"Ada"' in done.stdout
    assert "<em>weave</em>" in done.stdout
    assert '"kind":"post_published"' in done.stdout
    assert '"posts.post_not_found"' in done.stdout

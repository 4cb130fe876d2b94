"""The environment in which `colonnade` reaches the services of a running stack."""

from devstack.catalog import load_catalog
from devstack.credentials import Credentials
from devstack.environments import Environments
from devstack.layout import Layout, read_json
from devstack.settings import StackSettings


def speaker_environment(layout: Layout) -> dict[str, str]:
    """What lets the command line speak as the first service of the catalog."""
    services = load_catalog(layout.root)
    credentials = Credentials(**read_json(layout.secrets))
    environments = Environments(StackSettings(), services, read_json(layout.ports), credentials)
    return environments.speaker(services[0]) | {"COLONNADE_AS": services[0].name}

"""`python -m devstack.mailbox HTTP_PORT SMTP_PORT`."""

import sys

import uvicorn

from devstack.mailbox.mail import Mailbox
from devstack.mailbox.server import create_app
from devstack.processes import LOOPBACK

if __name__ == "__main__":
    http_port, smtp_port = map(int, sys.argv[1:])
    app = create_app(Mailbox(), smtp_port)
    uvicorn.run(app, host=LOOPBACK, port=http_port, log_level="warning")

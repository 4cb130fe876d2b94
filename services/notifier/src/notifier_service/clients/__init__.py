"""What notifier calls: auth for links, the mail server, and Celery's queues."""

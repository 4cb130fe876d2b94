"""The development mailbox: an SMTP server that sends nothing on, and a page that shows the mails.

Its JSON has Mailpit's paths and field names, so that the same tests run against Mailpit.
"""

"""What notifier does, one file per aggregate."""

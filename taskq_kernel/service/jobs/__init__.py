"""What runs in the background: publishing from the outbox, and reaping what ran out."""

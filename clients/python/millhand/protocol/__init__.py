"""What a sync and an async client share: requests built, answers read, streams resumed. No I/O here."""

package dev.millhand.client;

/** What a reader of results or a session gives. */
public sealed interface LogRecord permits Result, Gap, Progress {}

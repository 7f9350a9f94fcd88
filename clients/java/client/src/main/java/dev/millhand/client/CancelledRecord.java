package dev.millhand.client;

/** What a reader of cancelled tasks gives. */
public sealed interface CancelledRecord permits CancelledTask, Gap {}

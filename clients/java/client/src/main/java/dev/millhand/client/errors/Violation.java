package dev.millhand.client.errors;

/**
 * One thing wrong with a request.
 *
 * @param field the path of the field, such as {@code task.payload.json.width}
 * @param description a sentence that says what is wrong with it
 */
public record Violation(String field, String description) {}

/**
 * Calls a Millhand server: execute, register, watch and cancel tasks, and read results.
 *
 * <p>Begin with {@link dev.millhand.client.MillhandClient}. What is not said to be null is not.
 */
@NullMarked
package dev.millhand.client;

import org.jspecify.annotations.NullMarked;

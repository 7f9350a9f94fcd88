/** What the client throws: one class for each reason that a server may give. */
@NullMarked
package dev.millhand.client.errors;

import org.jspecify.annotations.NullMarked;

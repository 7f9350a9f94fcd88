/** How to use the Java client. */
package dev.millhand.examples;

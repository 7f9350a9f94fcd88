package dev.millhand.conformance;

import dev.millhand.client.Gap;
import dev.millhand.client.LogRecord;
import dev.millhand.client.Progress;
import dev.millhand.client.Result;
import dev.millhand.conformance.v1.Step;

/**
 * Shows the records of a reader or a session.
 *
 * @param atMost ends after so many results; 0 goes on to the end
 * @param pause pauses under this name behind {@code pauseAfter} results; empty does not
 * @param brief whether outputs are left out
 */
record Records(Player player, Step step, int atMost, String pause, int pauseAfter, boolean brief) {

  void show(Iterable<LogRecord> records) throws InterruptedException {
    int count = 0;
    for (LogRecord record : records) {
      if (record instanceof Result result) {
        player.show(step, seen -> seen.setResult(Showing.result(result, brief)));
        count++;
        if (!pause.isEmpty() && count == pauseAfter) {
          player.pause(step, pause);
        }
        if (count == atMost) {
          return;
        }
      } else if (record instanceof Gap gap) {
        player.show(step, seen -> seen.setGap(gap.message()));
      } else if (record instanceof Progress progress) {
        player.show(step, seen -> seen.setProgress(Showing.progress(progress)));
      }
    }
  }
}

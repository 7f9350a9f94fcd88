package dev.millhand.examples;

import dev.millhand.client.Gap;
import dev.millhand.client.LogRecord;
import dev.millhand.client.MillhandClient;
import dev.millhand.client.NewTask;
import dev.millhand.client.Result;
import dev.millhand.client.Session;
import dev.millhand.client.SubscribeOptions;
import dev.millhand.client.errors.TaskDidNotCompleteException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Counts the words of several texts over one session, and says what became of each. */
public final class WordCounts {
  private static final List<String> TEXTS =
      List.of("to be or not to be", "that is the question", "whether 'tis nobler in the mind");

  private WordCounts() {}

  /**
   * Runs against the server at MILLHAND_ADDRESS, or else on this machine.
   *
   * @param arguments none
   */
  public static void main(String[] arguments) {
    String address =
        Optional.ofNullable(System.getenv("MILLHAND_ADDRESS")).orElse("127.0.0.1:50051");
    try (MillhandClient client = MillhandClient.connect(address);
        Session session = client.session()) {
      session.subscribe(SubscribeOptions.own());
      session.registerAll(TEXTS.stream().map(WordCounts::counting).toList());
      session.register(NewTask.of("fail", Map.of("times", 1, "fatal", true)));
      session.finish();
      session.results().forEach(WordCounts::tell);
    }
  }

  private static NewTask counting(String text) {
    return NewTask.builder("word_count").payload(Map.of("text", text)).label("text", text).build();
  }

  private static void tell(LogRecord record) {
    if (record instanceof Result result) {
      Optional<TaskDidNotCompleteException> error = result.error();
      String outcome =
          error.isPresent()
              ? error.get().reason()
              : result.output(Map.class).get("words") + " words";
      System.out.println(result.task().getLabelsOrDefault("text", "-") + ": " + outcome);
    } else if (record instanceof Gap gap) {
      System.out.println("results are missing: " + gap.missed());
    }
  }
}

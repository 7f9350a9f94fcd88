package dev.millhand.conformance;

import dev.millhand.conformance.v1.Done;
import dev.millhand.conformance.v1.FromProgram;
import dev.millhand.conformance.v1.FromRunner;
import dev.millhand.conformance.v1.Seen;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;

/** Plays the cases that come in on standard input, each message behind its length. */
public final class Program {
  private final DataInputStream in = new DataInputStream(System.in);
  private final DataOutputStream out =
      new DataOutputStream(new FileOutputStream(FileDescriptor.out));

  private Program() {}

  /** Plays cases until standard input ends. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    // What a library prints must not come between the messages.
    System.setOut(System.err);
    new Program().run();
    // Not held up by a step that a case left behind.
    System.exit(0);
  }

  private void run() throws IOException, InterruptedException {
    Player player = null;
    Thread playing = null;
    while (true) {
      FromRunner said;
      try {
        said = FromRunner.parseFrom(in.readNBytes(in.readInt()));
      } catch (EOFException end) {
        return;
      }
      if (said.hasCase()) {
        if (playing != null) {
          playing.join();
        }
        Player next = new Player(said.getCase(), this::show);
        player = next;
        playing = new Thread(() -> play(next), "case");
        playing.start();
      } else if (player != null) {
        player.goOn(said.getGoOn());
      }
    }
  }

  private void play(Player player) {
    String fault = "";
    try {
      player.play();
    } catch (Exception | AssertionError error) {
      // Whatever it is, the runner has to hear of it instead of waiting.
      fault = error.toString();
    }
    write(FromProgram.newBuilder().setDone(Done.newBuilder().setFault(fault)).build());
  }

  private void show(Seen seen) {
    write(FromProgram.newBuilder().setSeen(seen).build());
  }

  private synchronized void write(FromProgram message) {
    try {
      byte[] bytes = message.toByteArray();
      out.writeInt(bytes.length);
      out.write(bytes);
      out.flush();
    } catch (IOException gone) {
      throw new UncheckedIOException("the runner does not listen any more", gone);
    }
  }
}

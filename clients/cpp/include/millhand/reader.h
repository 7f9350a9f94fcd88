// Reading the log of results over as many connections as it takes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "millhand/iterator.h"
#include "millhand/records.h"

namespace millhand {

namespace internal {
class Wire;
template <class Method>
class LogReading;
struct StreamResults;
struct GetCancelled;
}  // namespace internal

/// Results as tasks end, each once. A broken stream is opened again behind what was given, also over a server's
/// restart; what the log no longer holds is a Gap among the records, never a silence.
///
/// The server has named its place in the log before the reader is handed out: no later result is missed. For one
/// thread at a time; `close` may be called from any.
class ResultReader {
 public:
  using iterator = SourceIterator<ResultReader, Record>;

  explicit ResultReader(std::unique_ptr<internal::LogReading<internal::StreamResults>> reading);
  ResultReader(ResultReader&&) noexcept;
  ResultReader& operator=(ResultReader&&) noexcept;
  ~ResultReader();

  /// The next record; empty at the end, or once closed. Throws Error if the server cannot be had back, and SlowReader
  /// and ResultsMissed, after which it may be called again.
  std::optional<Record> next();
  /// Everything up to here was given. Keep it to go on from here in another process, as `after`.
  [[nodiscard]] const std::string& cursor() const;
  /// Ends the reading, also a `next` that waits in another thread.
  void close();

  iterator begin() { return iterator(*this); }
  static std::default_sentinel_t end() { return {}; }

 private:
  std::unique_ptr<internal::LogReading<internal::StreamResults>> reading_;
};

/// Tasks as they become CANCELLED; everything else as in ResultReader.
class CancelledReader {
 public:
  using iterator = SourceIterator<CancelledReader, CancelledRecord>;

  explicit CancelledReader(std::unique_ptr<internal::LogReading<internal::GetCancelled>> reading);
  CancelledReader(CancelledReader&&) noexcept;
  CancelledReader& operator=(CancelledReader&&) noexcept;
  ~CancelledReader();

  std::optional<CancelledRecord> next();
  [[nodiscard]] const std::string& cursor() const;
  void close();

  iterator begin() { return iterator(*this); }
  static std::default_sentinel_t end() { return {}; }

 private:
  std::unique_ptr<internal::LogReading<internal::GetCancelled>> reading_;
};

}  // namespace millhand

// Makes a range of whatever has `next()`.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

namespace millhand {

/// A single-pass iterator over a source's `next()`, which gives an optional; it ends at the first empty one.
template <class Source, class Item>
class SourceIterator {
 public:
  using value_type = Item;
  using difference_type = std::ptrdiff_t;
  using iterator_concept = std::input_iterator_tag;

  SourceIterator() = default;
  explicit SourceIterator(Source& source) : source_(&source), item_(source.next()) {}

  const Item& operator*() const { return *item_; }
  const Item* operator->() const { return &*item_; }
  SourceIterator& operator++() {
    item_ = source_->next();
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const SourceIterator& at, std::default_sentinel_t /*end*/) { return !at.item_; }

 private:
  Source* source_ = nullptr;
  std::optional<Item> item_;
};

}  // namespace millhand

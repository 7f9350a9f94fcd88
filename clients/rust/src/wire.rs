//! Times as the contract has them.

use std::time::{Duration, SystemTime};

/// A duration as it is sent; what is too long for the contract becomes the longest that it has.
pub(crate) fn duration(given: Duration) -> prost_types::Duration {
    prost_types::Duration::try_from(given).unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
}

/// A duration for this side; a negative one is none.
pub(crate) fn std_duration(given: &prost_types::Duration) -> Duration {
    Duration::try_from(*given).unwrap_or_default()
}

pub(crate) fn timestamp(given: SystemTime) -> prost_types::Timestamp {
    given.into()
}

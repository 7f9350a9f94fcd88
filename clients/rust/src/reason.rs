//! The reasons of errors, for use in a `match` on [`Error::reason`](crate::Error::reason).
//!
//! A server may give reasons that are newer than this list, and a handler reasons of its own.

macro_rules! reasons {
    ($($(#[$meaning:meta])* $name:ident)*) => {
        $($(#[$meaning])* pub const $name: &str = stringify!($name);)*

        #[cfg(test)]
        const ALL: &[&str] = &[$($name),*];
    };
}

reasons! {
    /// A value is out of bounds, malformed or missing.
    INVALID_ARGUMENT
    /// A task's id is missing, too long or not printable.
    INVALID_TASK_ID
    /// The server has no handler of that name.
    INVALID_TASK_FUNC
    /// A payload cannot be sent, or does not fit the handler.
    INVALID_PAYLOAD
    /// A payload is larger than the server takes.
    PAYLOAD_TOO_LARGE
    /// A cursor is not one that this service ever gave.
    CURSOR_INVALID
    /// There is no such task, or not any more.
    TASK_NOT_FOUND
    /// There is no such queue.
    QUEUE_NOT_FOUND
    /// There is no such schedule.
    SCHEDULE_NOT_FOUND
    /// The id or the idempotency key belongs to a task with other content.
    ALREADY_EXISTS
    /// A task that is to be executed by its id runs already.
    TASK_ALREADY_STARTED
    /// A task that is to be executed by its id has ended.
    TASK_COMPLETED
    /// The task was cancelled.
    TASK_CANCELLED
    /// The wait for a task is over, or the task's own time.
    TASK_TIMEOUT
    /// The handler raised, and no retry was left.
    HANDLER_FAILED
    /// The task's worker died under it again and again.
    WORKER_LOST
    /// A worker's hold on an attempt has passed to another.
    LEASE_LOST
    /// The queue holds as many tasks as it may.
    QUEUE_FULL
    /// The caller makes too many calls.
    RATE_LIMITED
    /// The server has as many streams open as it may.
    TOO_MANY_STREAMS
    /// The server gave up on a reader that did not keep up.
    SLOW_READER
    /// The server is shutting down.
    CLOSING
    /// The server has lost its store for now.
    STORE_UNAVAILABLE
    /// The token is missing or unknown.
    UNAUTHENTICATED
    /// The token has not the scope that the call needs.
    PERMISSION_DENIED
    /// The server does not honour a field or value yet.
    UNSUPPORTED
    /// A fault of the server.
    INTERNAL
}

#[cfg(test)]
mod tests {
    use super::ALL;
    use crate::v1::ErrorReason;

    #[test]
    fn every_reason_of_the_contract_has_a_constant() {
        let of_the_contract: Vec<&str> = (1..)
            .map_while(|number| ErrorReason::try_from(number).ok())
            .map(|reason| reason.as_str_name().trim_start_matches("ERROR_REASON_"))
            .collect();

        assert_eq!(ALL, of_the_contract);
    }
}

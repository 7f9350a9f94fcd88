//! How long, and how often, a lost server is tried again.

use std::time::Duration;

use tokio::time::Instant;

use crate::{reason, Error};

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// The patience with a lost server, from the moment at which it was lost.
pub(crate) struct Patience {
    limit: Duration,
    lost_at: Option<Instant>,
    tries: u32,
    begun: bool,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, lost_at: None, tries: 0, begun: false }
    }

    /// Forgets what was lost before.
    pub(crate) fn progressed(&mut self) {
        self.begun = true;
        self.lost_at = None;
        self.tries = 0;
    }

    /// Sleeps before the next try. Gives the error back if trying again is of no use, or was tried for long enough.
    pub(crate) async fn wait_after(&mut self, error: Error) -> Result<(), Error> {
        match self.delay_after(&error) {
            Some(delay) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
            None => Err(error),
        }
    }

    fn delay_after(&mut self, error: &Error) -> Option<Duration> {
        // A stream that had its place gets another one; one that has none yet is refused like any call.
        let is_crowded_out = self.begun && error.reason() == reason::TOO_MANY_STREAMS;
        if !error.is_lost() && !is_crowded_out {
            return None;
        }
        if self.lost_at.get_or_insert_with(Instant::now).elapsed() >= self.limit {
            return None;
        }
        let longest = LONGEST_DELAY.min(FIRST_DELAY * (1 << self.tries.min(10)));
        self.tries += 1;
        // Full jitter: the loss is likely to be the server's, and to hit everybody at once.
        let delay = longest.mul_f64(fastrand::f64());
        Some(delay.max(error.retry_after().unwrap_or_default()))
    }
}

/// The patience with a full queue.
pub(crate) struct Room {
    until: Instant,
}

impl Room {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { until: Instant::now() + limit }
    }

    /// Sleeps for as long as the server advises. Gives the error back if it is another one, or there is no time left.
    pub(crate) async fn wait_after(&self, error: Error) -> Result<(), Error> {
        let delay = error.retry_after().unwrap_or(FIRST_DELAY).max(FIRST_DELAY);
        if error.reason() != reason::QUEUE_FULL || Instant::now() + delay >= self.until {
            return Err(error);
        }
        tokio::time::sleep(delay).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::error;

    #[tokio::test(start_paused = true)]
    async fn a_lost_server_is_tried_again_until_patience_ends() {
        let mut patience = Patience::new(Duration::from_secs(60));
        let began = Instant::now();

        let given_back = loop {
            if let Err(error) = patience.wait_after(error::closing("it drains")).await {
                break error;
            }
        };

        assert_eq!(given_back.reason(), reason::CLOSING);
        assert!(began.elapsed() >= Duration::from_secs(60));
        assert!(began.elapsed() < Duration::from_secs(66));
    }

    #[tokio::test(start_paused = true)]
    async fn progress_renews_patience() {
        let mut patience = Patience::new(Duration::from_secs(1));
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            patience.progressed();

            assert!(patience.wait_after(error::closing("it drains")).await.is_ok());
        }
    }

    #[tokio::test]
    async fn what_the_server_refuses_is_not_tried_again() {
        for code in [Code::InvalidArgument, Code::ResourceExhausted, Code::Internal, Code::DeadlineExceeded] {
            let mut patience = Patience::new(Duration::from_secs(60));

            let refused = patience.wait_after(Error::new(code, "", "no")).await;

            assert_eq!(refused.map_err(|error| error.code()), Err(code));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_is_waited_for_as_long_as_was_asked() {
        let room = Room::new(Duration::from_secs(1));
        let full = || Error::new(Code::ResourceExhausted, reason::QUEUE_FULL, "it is full");
        let began = Instant::now();

        while room.wait_after(full()).await.is_ok() {}

        assert!(began.elapsed() <= Duration::from_secs(1));
        assert!(began.elapsed() >= Duration::from_millis(800));
    }
}

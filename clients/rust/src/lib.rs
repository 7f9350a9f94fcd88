#![doc = include_str!("../README.md")]
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod calls;
mod client;
mod error;
mod execute;
mod payload;
pub mod reason;
mod record;
mod results;
mod retry;
mod session;
mod session_state;
mod settings;
mod task;
mod wire;

/// The generated code of the contract, whose messages this crate takes and gives.
#[allow(missing_docs, clippy::all)]
pub mod v1 {
    tonic::include_proto!("millhand.v1");
}

pub use prost_types;
pub use tonic;

pub use calls::{Cancelled, CancelledAll, ListOptions, Page, Registered, Waited, Workers};
pub use client::{Client, Stub};
pub use error::{Error, Failure, TaskFailure, Violation};
pub use execute::Execute;
pub use payload::Payload;
pub use record::{CancelledTask, Record, TaskResult};
pub use results::{ReadOptions, Results};
pub use session::{PendingRegistration, Session, SubscribeOptions};
pub use settings::ClientBuilder;
pub use task::{Filter, TaskSpec};

/// What a call of this crate gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

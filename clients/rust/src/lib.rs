//! The Rust client of `surmised`: it sends events over the event socket so that none is lost and none is learnt twice,
//! and asks questions over HTTP ([`Questions`]).
//!
//! [`Client::send`] puts an event into a bounded window and returns. A task of the client writes the event, reads the
//! cumulative acknowledgements, and keeps the event until it is acknowledged. When the connection breaks, the task
//! connects again with growing pauses, learns from the daemon's welcome which of its events are durable, and sends the
//! others again. What the daemon refuses is counted and kept in [`SendProgress`]; an error that ends the connection for
//! good, as a wrong token or a newer epoch of the producer, is returned by the next call.
//!
//! ```
//! use surmise_client::{Address, Client};
//! use surmise_event::{Data, Datum, Record};
//! use surmise_protocol::Hello;
//!
//! async fn report_page(page: &str) -> Result<(), surmise_client::ClientError> {
//!     let address: Address = "127.0.0.1:7071".parse()?;
//!     let mut client = Client::connect(address, Hello::new("web-7", "web")).await?;
//!     client.send(Record { data: Data::One(Datum::Text(page.into())), ..Record::default() }).await?;
//!     let progress = client.flush().await?; // the event is durable from here on
//!     assert_eq!(progress.refused, 0);
//!     Ok(())
//! }
//! ```
//!
//! Two programs show more: `examples/send.rs` sends events of several fields and prints their outcomes, and
//! `examples/next.rs` prints the prediction that comes with each outcome. Both need a daemon:
//! `cargo run -p surmise-client --example send`.

mod address;
mod client;
mod connection;
mod error;
mod options;
mod progress;
mod questions;
mod trust;
mod window;

pub use address::Address;
pub use client::Client;
pub use error::ClientError;
pub use options::ClientOptions;
pub use progress::SendProgress;
pub use questions::{Forget, ForgottenEvents, Questions, segment};
pub use trust::{TrustedRoots, distrust};

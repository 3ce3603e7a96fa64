//! The wire protocol of surmise: the lines of the event socket, and the JSON of the HTTP interface.
//!
//! A producer writes one JSON object a line: first perhaps a [`Hello`], then events ([`EventLine`]). The daemon reads
//! them with [`parse_line`] (or [`parse_plain`] on a connection without a hello) and answers with [`Reply`]s, one a
//! line. Parsing is strict: whatever is not understood is refused with a [`Refusal`] that names the field and says what
//! to do about it. The answers of HTTP are in the types from [`StreamStatus`] to [`Problem`].
//!
//! # The lines of a producer
//!
//! Every message reads back from the line that it is written as:
//!
//! ```
//! use surmise_protocol::{Hello, ProducerLine, Want, parse_line};
//!
//! let line = r#"{"hello":{"protocol":1,"producer":"web-7","epoch":3,"stream":"web","want":["ack","next"]}}"#;
//! let ProducerLine::Hello(hello) = parse_line(line.as_bytes())? else { panic!("this is a hello") };
//! assert!(hello.producer.as_deref() == Some("web-7") && hello.wants(Want::Next));
//! let mut written = Vec::new();
//! hello.write_line(&mut written);
//! assert_eq!(String::from_utf8_lossy(&written), format!("{line}\n"));
//!
//! for line in [
//!     r#"{"seq":42,"key":"user-7","time":"2026-11-23T12:00:00.123Z","data":{"page":"/cart","ms":132.5}}"#, // a record
//!     r#"{"seq":43,"stream":"web","data":"/cart"}"#, // one value, of another stream than the hello's
//!     r#"{"seq":44,"key":"user-7","end":true}"#,     // the key's sequence has ended
//! ] {
//!     let ProducerLine::Event(event) = parse_line(line.as_bytes())? else { panic!("this is an event") };
//!     let mut written = Vec::new();
//!     event.write_line(&mut written)?;
//!     assert_eq!(parse_line(&written)?, ProducerLine::Event(event));
//! }
//! # Ok::<(), surmise_protocol::Refusal>(())
//! ```
//!
//! Without a hello, a line may also be a symbol or the bare record; on a connection of the format `lines`, every line
//! is an event as it stands:
//!
//! ```
//! use surmise_event::{Data, Datum};
//! use surmise_protocol::{ProducerLine, parse_bare, parse_plain};
//!
//! let up = Data::One(Datum::Text("up".into()));
//! let ProducerLine::Event(symbol) = parse_plain(b"up")? else { panic!("this is an event") };
//! assert_eq!(symbol.record.data, up);
//! let ProducerLine::Event(record) = parse_plain(br#"{"page":"/cart"}"#)? else { panic!("this is an event") };
//! assert!(matches!(record.record.data, Data::Fields(fields) if &*fields[0].0 == "page"));
//! assert_eq!(parse_bare(b"up\r\n")?.record.data, up);
//! # Ok::<(), surmise_protocol::Refusal>(())
//! ```
//!
//! # The lines of the daemon
//!
//! ```
//! use surmise_protocol::Reply;
//!
//! for line in [
//!     r#"{"welcome":{"protocol":1,"server":"surmised 0.1.0","committed_seq":41,"line_bytes_max":1048576}}"#,
//!     concat!(
//!         r#"{"outcome":{"seq":42,"stream":"web","key":"user-7","offset":1042,"surprise_bits":3.21,"#,
//!         r#""excess_bits":0.6,"anomaly_score":0.41,"rarity_events":20.0,"fields":{"page":{"surprise_bits":2.9,"#,
//!         r#""excess_bits":0.7},"ms":{"surprise_bits":0.31,"excess_bits":-0.1}},"model_version":131}}"#
//!     ),
//!     r#"{"ack":43,"duplicates":0}"#,
//!     concat!(
//!         r#"{"error":{"code":"wrong_type","seq":44,"line":3,"field":"ms","#,
//!         r#""reason":"expected a number, got \"fast\"","fatal":false}}"#
//!     ),
//! ] {
//!     let mut written = Vec::new();
//!     Reply::parse(line.as_bytes())?.write_line(&mut written);
//!     assert_eq!(String::from_utf8_lossy(&written), format!("{line}\n"));
//! }
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! # The JSON of HTTP
//!
//! ```
//! use surmise_protocol::{Accepted, CheckpointInfo, DriftEvent, Health, Problem, StreamList, StreamStatus};
//!
//! let health = r#"{"status":"ok","server":"surmised 0.1.0","uptime_seconds":12.5}"#; // GET /-/healthy, /-/ready
//! assert_eq!(serde_json::to_string(&serde_json::from_str::<Health>(health)?)?, health);
//!
//! // POST /api/v1/streams/web/events
//! let errors = r#"[{"line":2,"code":"bad_json","field":"line","reason":"not JSON"}]"#;
//! let posted = format!(r#"{{"accepted":2,"rejected":1,"duplicates":0,"errors":{errors}}}"#);
//! assert_eq!(serde_json::to_string(&serde_json::from_str::<Accepted>(&posted)?)?, posted);
//!
//! // every error
//! let detail = r#"no stream is called \"x\"; it begins with its first event"#;
//! let problem = format!(
//!     r#"{{"type":"about:blank","title":"no such stream","status":404,"detail":"{detail}","field":"stream"}}"#
//! );
//! assert_eq!(serde_json::to_string(&serde_json::from_str::<Problem>(&problem)?)?, problem);
//!
//! let checkpoint = r#"{"stream":"web","generation":7,"offset":1042,"time":"2026-11-23T12:00:00Z","bytes":35840}"#;
//! assert_eq!(serde_json::to_string(&serde_json::from_str::<CheckpointInfo>(checkpoint)?)?, checkpoint);
//!
//! let list = r#"{"streams":[{"stream":"web","offset":1042,"committed_offset":1042,"recent_bits":1.9}]}"#;
//! assert_eq!(serde_json::from_str::<StreamList>(list)?.streams[0].recent_bits, Some(1.9)); // GET /api/v1/streams
//!
//! let status = r#"{"stream":"web","offset":1042,"model_version":131,"keys":3,"schema":{"fields":[]}}"#;
//! assert_eq!(serde_json::from_str::<StreamStatus>(status)?.keys, 3); // GET /api/v1/streams/web
//!
//! // an event `drift` of GET /api/v1/streams/web/watch
//! let drift = r#"{"stream":"web","detector":"loss","began":800,"noticed":820,"bits_before":2.1,"bits_after":5.6}"#;
//! assert_eq!(serde_json::to_string(&serde_json::from_str::<DriftEvent>(drift)?)?, drift);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod alarm_event;
mod cloud_event;
mod datum;
mod diagnose;
mod encode;
mod event_line;
mod hello;
mod history;
mod json_log;
mod keys;
mod line;
mod line_key;
mod line_seq;
mod line_value;
mod logged;
mod quarantine;
mod replays;
mod reply;
mod status;
mod surprises;
mod updates_refused;
mod why;
mod wording;

pub use alarm_event::{AlarmEvent, AlarmList, event_json, event_parts};
pub use cloud_event::{CloudEvent, parse_cloud_data, parse_cloud_event};
pub use event_line::EventLine;
pub use hello::{Hello, LineFormat, PROTOCOL, Want};
pub use history::{HistoryAnswer, HistoryPoint, LossWindow};
pub use json_log::{is_time_name, take_time};
pub use keys::KeyList;
pub use line::{LINE_BYTES_MAX, ProducerLine, parse_bare, parse_json, parse_line, parse_plain, parse_plain_untimed};
pub use line_seq::seq_of;
pub use line_value::SentId;
pub use logged::{LoggedEvent, LoggedEvents};
pub use quarantine::{QuarantineList, QuarantinedEvent};
pub use replays::{Replay, ReplayBegin, ReplayList, ReplayPoint, ReplaySpec, ReplayState};
pub use reply::{Ack, DriftEvent, ErrorReply, OutcomeReply, Reply, Welcome};
pub use status::{
    Accepted, AcceptedError, AlarmAccount, BegunLike, CheckpointInfo, CheckpointMark, DiskBudget, EventCost, Health,
    IncidentMark, Problem, StageCost, StreamList, StreamRow, StreamStatus, TakenLines,
};
pub use surmise_event::{Refusal, RefusalCode};
pub use surprises::{RareEvent, RarityCount, SurpriseList};
pub use updates_refused::UpdatesRefused;
pub use why::WhyAnswer;
pub use wording::suggest;

//! Writing a connection's replies and acknowledgements.

use super::Link;
use std::sync::atomic::Ordering;
use std::time::Duration;
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::{Ack, ErrorReply, Reply};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// How long the other side may leave its replies unread before it counts as gone.
const PATIENCE: Duration = Duration::from_secs(300);

/// Writes until nothing more will come. If the other side has closed its ear, answers are thrown away, and its events
/// still count; if it only does not listen for long, the connection ends.
pub(super) async fn write<W: AsyncWrite + Unpin>(socket: &mut W, link: &Link) {
    let mut deaf = false;
    let mut failed = false;
    let mut duplicates = 0;
    let mut acked = None;
    let mut out = Vec::new();
    loop {
        let taken = link.outbox.drain();
        duplicates += taken.counts.duplicates;
        for reply in &taken.replies {
            reply.write_line(&mut out);
        }
        if let Some(ack) = taken.counts.high.filter(|_| !failed) {
            link.watermark.raise(ack);
            let news = acked.is_none_or(|a| ack > a) || duplicates > 0;
            if news && link.wants_ack.load(Ordering::Acquire) {
                Reply::Ack(Ack { ack, duplicates }).write_line(&mut out);
                duplicates = 0;
                acked = Some(ack);
            }
        }
        if taken.failed && !failed {
            failed = true;
            let reason = "the daemon cannot make events durable; what was not acknowledged has to be sent again";
            let refusal = Refusal::new(RefusalCode::Unavailable, "connection", reason);
            Reply::Error(ErrorReply::fatal(refusal, None, None)).write_line(&mut out);
        }
        if !out.is_empty() {
            if !deaf {
                match tokio::time::timeout(PATIENCE, socket.write_all(&out)).await {
                    Ok(written) => deaf = written.is_err(),
                    Err(_) => {
                        deaf = true;
                        link.gone.cancel();
                    }
                }
            }
            out.clear();
            if out.capacity() > 1 << 20 {
                out = Vec::new();
            }
        }
        link.credits.add_permits(taken.lines);
        if taken.finished {
            return;
        }
        link.outbox.changed().await;
    }
}

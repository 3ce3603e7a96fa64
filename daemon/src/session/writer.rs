//! Writing a connection's replies and acknowledgements.

use super::link::Link;
use std::sync::atomic::Ordering;
use std::time::Duration;
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::{Ack, ErrorReply, Reply};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Bytes of the write buffer above which its memory is returned after a write.
const IDLE_BYTES_MAX: usize = 1 << 20;

/// Whether anybody reads what is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OtherSide {
    Reads,
    /// Replies are thrown away; the events of the connection are learnt all the same.
    DoesNotRead,
}

/// Writes replies until the outbox is closed and everything in it is answered.
///
/// If the other side has closed its reading end, replies are thrown away and its events still count. If it only leaves
/// them unread for `unread_time`, the connection ends.
pub async fn write_replies<W: AsyncWrite + Unpin>(socket: &mut W, link: &Link, unread_time: Duration) {
    let mut other_side = OtherSide::Reads;
    let mut failure_reported = false;
    let mut duplicates = 0;
    let mut acked = None;
    let mut out = Vec::new();
    loop {
        let drained = link.outbox.drain();
        duplicates += drained.counts.duplicates;
        // outcomes and errors come before the acknowledgement that covers them
        for reply in &drained.replies {
            reply.write_line(&mut out);
        }
        // once something could not be made durable, nothing after it may be acknowledged
        if let Some(ack) = drained.counts.high.filter(|_| !failure_reported) {
            link.watermark.raise(ack);
            let has_news = acked.is_none_or(|acked| ack > acked) || duplicates > 0;
            if has_news && link.wants_ack.load(Ordering::Acquire) {
                Reply::Ack(Ack { ack, duplicates }).write_line(&mut out);
                duplicates = 0;
                acked = Some(ack);
            }
        }
        if drained.failed && !failure_reported {
            failure_reported = true;
            let reason = "the daemon cannot make events durable; what was not acknowledged has to be sent again";
            let refusal = Refusal::new(RefusalCode::Unavailable, "connection", reason);
            Reply::Error(ErrorReply::fatal(refusal, None, None)).write_line(&mut out);
        }
        if other_side == OtherSide::Reads && !out.is_empty() {
            other_side = write(socket, &out, link, unread_time).await;
        }
        link.outbox.release(drained.bytes);
        out.clear();
        if out.capacity() > IDLE_BYTES_MAX {
            out = Vec::new();
        }
        // the reader may take as many lines more as have been answered
        link.credits.add_permits(drained.lines);
        if drained.finished {
            return;
        }
        link.outbox.changed().await;
    }
}

/// Writes bytes; a connection whose other side leaves them unread for too long is abandoned.
async fn write<W: AsyncWrite + Unpin>(socket: &mut W, bytes: &[u8], link: &Link, unread_time: Duration) -> OtherSide {
    match tokio::time::timeout(unread_time, socket.write_all(bytes)).await {
        Ok(Ok(())) => OtherSide::Reads,
        Ok(Err(_)) => OtherSide::DoesNotRead,
        Err(_) => {
            link.abandoned.cancel();
            OtherSide::DoesNotRead
        }
    }
}

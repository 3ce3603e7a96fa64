//! What stands before the message in known forms of lines: the host, program and process of syslog, and the parts of
//! the access logs of web servers.

use crate::piece::{BLANK_HASH, Piece, PieceKind};
use crate::template::Template;

/// Where the host and the process stand in a line of syslog: `<time> host program[pid]: message`, where a program is
/// followed by its process in brackets or by a colon, as nothing else begins; or `<34>1 <time> host program pid id` of
/// RFC 5424, in which any of them may be `-`.
pub(crate) fn syslog_values(text: &[u8], pieces: &[Piece]) -> [Option<usize>; 2] {
    let is = |place: usize, what: &[u8]| pieces.get(place).is_some_and(|p| p.of(text) == what);
    let is_time = pieces.get(RFC_5424_TIME).is_some_and(|p| p.kind == PieceKind::Time);
    if is_time && is(0, b"<") && is(2, b">") && is(3, b"1") {
        let name = |place: usize| {
            let piece = pieces.get(place)?;
            (pieces[place - 1].hash == BLANK_HASH && matches!(piece.kind, PieceKind::Word | PieceKind::Value))
                .then_some(place)
        };
        return [name(RFC_5424_TIME + 2), name(RFC_5424_TIME + 6)];
    }
    [syslog_host(text, pieces), None]
}

/// Where the host stands in a line of syslog that is not of RFC 5424.
fn syslog_host(text: &[u8], pieces: &[Piece]) -> Option<usize> {
    let time = pieces.iter().take(7).position(|piece| piece.kind == PieceKind::Time)?;
    let is_first = time == 0 || pieces[0].of(text) == b"<";
    let host = time + 2;
    let [blank, name, second_blank, program, mark] = pieces.get(time + 1..time + 6)? else { return None };
    let is_name = |piece: &Piece| matches!(piece.kind, PieceKind::Word | PieceKind::Value);
    let is_syslog = is_first
        && blank.hash == BLANK_HASH
        && second_blank.hash == BLANK_HASH
        && is_name(name)
        && is_name(program)
        && program.of(text).iter().any(u8::is_ascii_lowercase)
        && mark.kind == PieceKind::Mark
        && matches!(mark.of(text), b"[" | b":");
    is_syslog.then_some(host)
}

/// The place of the time in a line of RFC 5424, after `<`, the priority, `>`, the version and a blank.
const RFC_5424_TIME: usize = 5;

/// Whether a template is of lines that begin with a priority, as those of syslog on the wire do.
pub(crate) fn has_priority(template: &Template) -> bool {
    template.frame == 0 && is_mark(template, 0, b"<") && is_mark(template, 2, b">")
}

/// The name of the slot at a place of a template, where the form of its line gives it one.
pub(crate) fn prefix_name(template: &Template, place: usize) -> Option<&'static str> {
    if template.frame != 0 {
        return None;
    }
    syslog_name(template, place).or_else(|| access_name(template, place))
}

fn is_mark(template: &Template, place: usize, begins: &[u8]) -> bool {
    let piece = template.pieces.get(place);
    piece.is_some_and(|p| p.kind == PieceKind::Mark as u8 && p.text.0.starts_with(begins))
}

fn syslog_name(template: &Template, place: usize) -> Option<&'static str> {
    let time = template.pieces.iter().take(7).position(|piece| piece.kind == PieceKind::Time as u8)?;
    let is_program_next = is_mark(template, time + 5, b"[") || is_mark(template, time + 5, b":");
    // klog: a letter, the time, the thread, and the file with its line
    if time == 1 && template.pieces[0].is_plain_word() {
        return (place == 3).then_some("pid");
    }
    if has_priority(template) {
        match place {
            1 => return Some("priority"),
            3 => return Some("version"),
            _ if time == RFC_5424_TIME && place == time + 2 => return Some("host"),
            _ if time == RFC_5424_TIME && place == time + 6 && !is_program_next => return Some("pid"),
            _ => {}
        }
    }
    if place == time + 2 && is_program_next && template.pieces[time + 1].is_blank() {
        return Some("host");
    }
    (place < time + 8 && is_mark(template, place + 1, b"]") && place > 0 && is_mark(template, place - 1, b"["))
        .then_some("pid")
}

/// The parts of `client - user [time] "GET /path HTTP/1.1" status bytes "referrer" "agent"`.
fn access_name(template: &Template, place: usize) -> Option<&'static str> {
    let pieces = &template.pieces;
    let protocol = pieces.iter().position(|piece| piece.text.0.ends_with(b" HTTP/"))?;
    let has_time = pieces[..protocol].iter().any(|piece| piece.kind == PieceKind::Time as u8);
    let quotes = || (protocol + 6..place).filter(|at| pieces[*at].text.0.as_ref() == b"\"").count();
    match place {
        0 if has_time => Some("client"),
        _ if place + 1 == protocol => Some("path"),
        _ if place == protocol + 1 => Some("protocol"),
        _ if place == protocol + 4 => Some("status"),
        _ if place == protocol + 6 => Some("bytes"),
        _ if place > protocol + 6 && is_mark(template, place - 1, b"\"") => match quotes() {
            1 => Some("referrer"),
            3 => Some("agent"),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::{LineLimits, LineModel};

    fn names(line: &str) -> String {
        let mut model = LineModel::new(LineLimits::default());
        let reading = model.read(line.as_bytes(), None);
        model.observe(&reading, 0.0);
        let slots = model.slots(reading.template).expect("the template is there");
        slots.iter().map(|slot| slot.name.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn known_forms_give_their_parts_names() {
        assert_eq!(names("Mar  2 13:14:00 bastion sshd[5843]: port 7 closed"), "host pid port");
        assert_eq!(names("<34>1 2026-03-02T12:58:45Z db-1 su[12]: failed"), "priority version host pid");
        assert_eq!(
            names("<165>1 2026-03-02T12:58:45.003Z db su 12 ID47 [x@1 n=\"3\"] hi"),
            "priority version host pid slot 5 slot 6 n"
        );
        assert_eq!(names("I0302 12:58:45.409123    1423 kubelet.go:12] ready"), "pid kubelet.go");
        assert_eq!(
            names(
                r#"10.0.0.1 - - [02/Mar/2026:13:51:29 +0000] "GET /a/1 HTTP/1.1" 200 518 "https://x.example/a" "curl/8 x" rt=0.1"#
            ),
            "client path protocol status bytes referrer agent rt"
        );
        assert_eq!(names("2026-03-02 13:09:38 UTC [15140] LOG: took 3 ms"), "pid took slot 3");
    }
}

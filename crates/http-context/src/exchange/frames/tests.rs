//! What is read along, held against frames as the RFC draws them.

use proptest::prelude::*;

use super::*;

fn read(pieces: &[&[u8]]) -> Vec<(MessageType, Option<u16>)> {
    read_of(Direction::Received, pieces)
}

fn read_of(direction: Direction, pieces: &[&[u8]]) -> Vec<(MessageType, Option<u16>)> {
    let (mut frames, mut read) = (Frames::of(direction), Vec::new());
    for piece in pieces {
        frames.read(piece, |message| read.push((message.of, message.close_code)));
    }
    read
}

/// A frame as RFC 6455 draws it.
fn frame(is_last: bool, opcode: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut frame = vec![if is_last { 0x80 } else { 0 } | opcode];
    match payload.len() {
        length @ ..126 => frame.push(masked | u8::try_from(length).unwrap()),
        length @ ..65_536 => {
            frame.push(masked | 0x7e);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(masked | 0x7f);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(mask.iter().flatten());
    let mask = mask.unwrap_or_default();
    frame.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

#[test]
fn a_frame_without_a_payload_ends_with_its_header() {
    assert_eq!(read(&[&[0x89, 0]]), [(MessageType::Ping, None)]);
    assert_eq!(
        read(&[&[0x8a, 0x80, 1, 2, 3], &[4]]),
        [(MessageType::Pong, None)]
    );
}

#[test]
fn nothing_counts_that_a_peer_sends_after_its_close_frame() {
    let close = |code: u16| frame(true, 8, &code.to_be_bytes(), None);
    let once = [(MessageType::Close, Some(1001))];
    let (first, ping) = (close(1001), frame(true, 9, b"", None));
    assert_eq!(read(&[&first, &ping, &close(4000)]), once);
    assert_eq!(read(&[&[first, ping, close(4000)].concat()]), once);
}

#[test]
fn what_this_side_sends_after_its_close_frame_is_sent() {
    let (close, pong) = (frame(true, 8, b"", None), frame(true, 10, b"", None));
    let sent = read_of(Direction::Sent, &[&close, &pong]);
    let pong = (MessageType::Pong, None);
    assert_eq!(sent, [(MessageType::Close, Some(1005)), pong]);
}

#[test]
fn a_close_frame_has_its_code_or_none() {
    let mask = Some([9, 8, 7, 6]);
    let close = |payload: &[u8], mask| read(&[&frame(true, 8, payload, mask)]);
    let code = |code| [(MessageType::Close, Some(code))];
    assert_eq!(close(&1001_u16.to_be_bytes(), None), code(1001));
    assert_eq!(close(b"\x0f\xa0because", mask), code(4000));
    assert_eq!(close(b"", mask), code(1005));
    assert_eq!(close(b"\x03", None), code(1005));
}

#[test]
fn fragments_are_one_message_and_may_have_others_between_them() {
    let whole = [
        frame(false, 1, b"one", None),
        frame(true, 9, b"there?", None),
        frame(false, 0, b"", None),
        frame(true, 0, b"end", None),
        frame(true, 2, &vec![7; 70_000], None),
        // Nothing goes on here.
        frame(true, 0, b"stray", None),
    ];
    let expected = [MessageType::Ping, MessageType::Text, MessageType::Binary];
    assert_eq!(read(&[&whole.concat()]), expected.map(|of| (of, None)));
}

proptest! {
    #[test]
    fn what_is_read_does_not_depend_on_where_it_is_cut(
        messages in proptest::collection::vec((0_usize..5, 0_usize..70_000, any::<[u8; 4]>()), 1..6),
        cuts in proptest::collection::vec(1_usize..40_000, 1..6),
    ) {
        let opcodes = [1, 2, 8, 9, 10];
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for (of, length, mask) in messages {
            let length = if of < 2 { length } else { length % 126 };
            bytes.extend(frame(true, opcodes[of], &vec![0x31; length], Some(mask)));
            let code = if length < 2 { 1005 } else { 0x3131 };
            let of = MessageType::ALL[[0, 1, 4, 2, 3][of]];
            expected.push((of, (of == MessageType::Close).then_some(code)));
        }
        // What follows a Close frame is nothing.
        let close = expected.iter().position(|(of, _)| *of == MessageType::Close);
        expected.truncate(close.map_or(expected.len(), |close| close + 1));
        let mut pieces = Vec::new();
        let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            pieces.push(piece);
            rest = more;
        }
        prop_assert_eq!(read(&pieces), expected);
    }

    #[test]
    fn no_bytes_at_all_make_it_panic(pieces in proptest::collection::vec(any::<Vec<u8>>(), 0..8)) {
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        read(&pieces);
    }
}

#[test]
#[cfg(feature = "websocket")]
fn a_frame_has_begun_from_its_first_byte_to_its_last() {
    let whole = frame(true, 1, b"hello", None);
    let mut frames = Frames::of(Direction::Received);
    assert!(!frames.is_amid_frame());
    for _ in 0..2 {
        let (last, before) = whole.split_last().unwrap();
        for byte in before {
            frames.read(&[*byte], |_| panic!("no message yet"));
            assert!(frames.is_amid_frame());
        }
        let mut messages = 0;
        frames.read(&[*last], |_| messages += 1);
        assert_eq!((messages, frames.is_amid_frame()), (1, false));
    }
}

/// Wherever it is cut in two, around the length from which on it stands in bytes of its own.
#[test]
fn a_message_is_whole_with_its_last_byte_and_no_sooner() {
    let lengths = (0..20).chain(118..140);
    for (length, mask) in lengths.flat_map(|length| [(length, None), (length, Some([0; 4]))]) {
        for opcode in [1, 2, 9, 10] {
            let whole = frame(true, opcode, &vec![0; length], mask);
            for cut in 1..whole.len() {
                let (mut frames, mut messages) = (Frames::of(Direction::Sent), 0);
                let (first, second) = whole.split_at(cut);
                frames.read(first, |_| messages += 1);
                assert_eq!(messages, 0, "{length} {mask:?} {cut}");
                frames.read(second, |_| messages += 1);
                assert_eq!(messages, 1, "{length} {mask:?} {cut}");
            }
        }
    }
}

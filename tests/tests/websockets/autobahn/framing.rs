//! 1 framing, 2 pings and pongs, 3 reserved bits, 4 opcodes, 5 fragmentation, 9 limits, 10 the rest.

use http_context_tests::opcode::{BINARY, CONTINUATION, PING, PONG, TEXT};
use http_context_tests::{Frame, Step, opcode};

use super::{Case, fragments, run};

#[tokio::test]
async fn cases_1_framing() {
    let mut cases = Vec::new();
    for (nth, opcode) in [(1, TEXT), (2, BINARY)] {
        for (case, size) in [0, 125, 126, 127, 128, 65_535, 65_536]
            .into_iter()
            .enumerate()
        {
            let frame = Frame::new(opcode, vec![b'*'; size]);
            let case = Case::passes(format!("1.{nth}.{}", case + 1));
            cases.push(case.send(&frame).echo(opcode, frame.payload));
        }
        let frame = Frame::new(opcode, vec![b'*'; 65_536]);
        let mut case = Case::passes(format!("1.{nth}.8"));
        for chop in frame.bytes().chunks(997) {
            case = case.step(Step::Send(chop.to_vec()));
        }
        cases.push(case.echo(opcode, frame.payload));
    }
    run(cases).await;
}

#[tokio::test]
async fn cases_2_pings_and_pongs() {
    let ping = |payload: &[u8]| Frame::new(PING, payload);
    let passes = |id: &str, payload: &[u8]| Case::passes(id).send(&ping(payload)).pong(payload);
    let binary = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff";
    let mut cases = vec![
        passes("2.1", b""),
        passes("2.2", b"Hello, world!"),
        passes("2.3", binary),
        passes("2.4", &[0xfe; 125]),
        Case::fails("2.5", 1002).send(&ping(&[0xfe; 126])),
        Case::passes("2.6")
            .send_bytewise(&[ping(&[0xfe; 125])])
            .pong([0xfe; 125]),
        Case::passes("2.7").send(&Frame::new(PONG, "")),
        Case::passes("2.8").send(&Frame::new(PONG, "unsolicited pong payload")),
        Case::passes("2.9")
            .send(&Frame::new(PONG, "unsolicited pong payload"))
            .send(&ping(b"ping payload"))
            .pong("ping payload"),
    ];
    for (id, is_bytewise) in [("2.10", false), ("2.11", true)] {
        let mut case = Case::passes(id);
        for nth in 0..10 {
            let payload = format!("payload-{nth}");
            let ping = ping(payload.as_bytes());
            case = if is_bytewise {
                case.send_bytewise(&[ping])
            } else {
                case.send(&ping)
            };
            case = case.pong(payload);
        }
        cases.push(case);
    }
    run(cases).await;
}

#[tokio::test]
async fn cases_3_reserved_bits() {
    let hello = || Frame::text("Hello, world!");
    let ping = Frame::new(PING, "");
    let three = |reserved| [hello(), hello().reserved(reserved), ping.clone()];
    let echoed = |id: &str| Case::fails(id, 1002).echo(TEXT, "Hello, world!");
    run(vec![
        Case::fails("3.1", 1002).send(&hello().reserved(1)),
        echoed("3.2").send_at_once(&three(2)),
        echoed("3.3")
            .send(&three(3)[0])
            .send(&three(3)[1])
            .send(&ping),
        echoed("3.4").send_bytewise(&three(4)),
        Case::fails("3.5", 1002).send(&Frame::new(BINARY, b"\x00\xff\xfe".as_slice()).reserved(5)),
        Case::fails("3.6", 1002).send(&Frame::new(PING, "Hello, world!").reserved(6)),
        Case::fails("3.7", 1002).send(&Frame::close(1000, "").reserved(7)),
    ])
    .await;
}

#[tokio::test]
async fn cases_4_opcodes() {
    let mut cases = Vec::new();
    for (group, first) in [(1, 3), (2, 11)] {
        let id = |nth: u8| format!("4.{group}.{nth}");
        let hello = || Frame::text("Hello, world!");
        let ping = || Frame::new(PING, "");
        let unknown = |nth: u8, payload: &str| Frame::new(first + nth - 1, payload);
        let echoed = |nth| Case::fails(id(nth), 1002).echo(TEXT, "Hello, world!");
        cases.push(Case::fails(id(1), 1002).send(&unknown(1, "")));
        cases.push(Case::fails(id(2), 1002).send(&unknown(2, "reserved opcode payload")));
        cases.push(echoed(3).send_at_once(&[hello(), unknown(3, ""), ping()]));
        let four = [hello(), unknown(4, "reserved opcode payload"), ping()];
        cases.push(echoed(4).send_at_once(&four));
        let five = [hello(), unknown(5, "reserved opcode payload"), ping()];
        cases.push(echoed(5).send_bytewise(&five));
    }
    run(cases).await;
}

#[tokio::test]
async fn cases_5_fragmentation() {
    let two = || fragments(TEXT, &[b"fragment1", b"fragment2"]);
    let whole = b"fragment1fragment2";
    let ping = || Frame::new(PING, "ping payload");
    let around_ping = || {
        let [first, second] = <[Frame; 2]>::try_from(two()).unwrap();
        [first, ping(), second]
    };
    let hello = || Frame::text("Hello, world!");
    let of = |id: &str| Case::passes(id).echo(TEXT, *whole);
    let stray = |is_last: bool| {
        let frame = Frame::new(CONTINUATION, "non-continuation payload");
        if is_last { frame } else { frame.begun() }
    };
    let frame_by_frame = |case: Case, frames: &[Frame]| frames.iter().fold(case, Case::send);
    let five: Vec<_> = (1..=5).map(|nth| format!("fragment{nth}")).collect();
    let five: Vec<_> = five.iter().map(String::as_bytes).collect();
    let with_pings = |case: Case, waits: bool| {
        let mut case = case.echo(TEXT, five.concat());
        for (nth, frame) in fragments(TEXT, &five).iter().enumerate() {
            case = case.send(frame);
            if nth == 1 || nth == 3 {
                case = case.send(&Frame::new(PING, "pongme")).pong("pongme");
                if waits {
                    case = case.step(Step::AwaitFrames(1));
                }
            }
        }
        case
    };
    let again = |is_last| {
        let mut frames = Vec::new();
        for _ in 0..2 {
            frames.push(stray(is_last));
            frames.extend(two());
        }
        frames
    };
    let texts = [Frame::text("fragment1").begun(), Frame::text("fragment2")];
    run(vec![
        Case::fails("5.1", 1002).send_at_once(&fragments(PING, &[b"fragment1", b"fragment2"])),
        Case::fails("5.2", 1002).send_at_once(&fragments(PONG, &[b"fragment1", b"fragment2"])),
        frame_by_frame(of("5.3"), &two()),
        of("5.4").send_at_once(&two()),
        of("5.5").send_bytewise(&two()),
        frame_by_frame(of("5.6").pong("ping payload"), &around_ping()),
        of("5.7").pong("ping payload").send_at_once(&around_ping()),
        of("5.8").pong("ping payload").send_bytewise(&around_ping()),
        frame_by_frame(Case::fails("5.9", 1002), &[stray(true), hello()]),
        Case::fails("5.10", 1002).send_at_once(&[stray(true), hello()]),
        Case::fails("5.11", 1002).send_bytewise(&[stray(true), hello()]),
        frame_by_frame(Case::fails("5.12", 1002), &[stray(false), hello()]),
        Case::fails("5.13", 1002).send_at_once(&[stray(false), hello()]),
        Case::fails("5.14", 1002).send_bytewise(&[stray(false), hello()]),
        Case::fails("5.15", 1002)
            .echo(TEXT, *whole)
            .send_at_once(&[two(), vec![stray(false), hello()]].concat()),
        frame_by_frame(Case::fails("5.16", 1002), &again(false)),
        frame_by_frame(Case::fails("5.17", 1002), &again(true)),
        frame_by_frame(Case::fails("5.18", 1002), &texts),
        with_pings(Case::passes("5.19"), true),
        with_pings(Case::passes("5.20"), false),
    ])
    .await;
}

/// Up to 1 MiB, and a hundred messages where the suite has a thousand.
#[tokio::test]
async fn cases_9_limits() {
    let mut cases = Vec::new();
    for (nth, opcode) in [(1, TEXT), (2, BINARY)] {
        for (case, size) in [64 << 10, 256 << 10, 1 << 20].into_iter().enumerate() {
            let frame = Frame::new(opcode, vec![b'*'; size]);
            let case = Case::passes(format!("9.{nth}.{}", case + 1));
            cases.push(case.send(&frame).echo(opcode, frame.payload));
        }
    }
    for (nth, opcode) in [(3, TEXT), (4, BINARY)] {
        let payload = vec![b'*'; 256 << 10];
        for (case, size) in [256, 1 << 10, 4 << 10, 16 << 10, 64 << 10]
            .into_iter()
            .enumerate()
        {
            let payloads: Vec<_> = payload.chunks(size).collect();
            let case = Case::passes(format!("9.{nth}.{}", case + 2));
            let case = case.send_at_once(&fragments(opcode, &payloads));
            cases.push(case.echo(opcode, payload.clone()));
        }
    }
    for (nth, opcode) in [(5, TEXT), (6, BINARY)] {
        let frame = Frame::new(opcode, vec![b'*'; 128 << 10]);
        for (case, size) in [64, 128, 256, 512, 1024, 2048].into_iter().enumerate() {
            let mut case = Case::passes(format!("9.{nth}.{}", case + 1));
            for chop in frame.bytes().chunks(size) {
                case = case.step(Step::Send(chop.to_vec()));
            }
            cases.push(case.echo(opcode, frame.payload.clone()));
        }
    }
    for (nth, opcode) in [(7, TEXT), (8, BINARY)] {
        for (case, size) in [0, 16, 64, 256, 1024, 4096].into_iter().enumerate() {
            let frame = Frame::new(opcode, vec![b'*'; size]);
            let mut case = Case::passes(format!("9.{nth}.{}", case + 1));
            for _ in 0..100 {
                case = case.send(&frame).step(Step::AwaitFrames(1));
                case = case.echo(opcode, frame.payload.clone());
            }
            cases.push(case);
        }
    }
    run(cases).await;
}

#[tokio::test]
async fn cases_10_the_rest() {
    let payload = vec![b'*'; 65_536];
    let parts: Vec<_> = payload.chunks(1_300).collect();
    let case = Case::passes("10.1.1").send_at_once(&fragments(opcode::TEXT, &parts));
    run(vec![case.echo(TEXT, payload)]).await;
}

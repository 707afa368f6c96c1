//! 7 the end.

use http_context_tests::opcode::{BINARY, CLOSE, CONTINUATION, PING, TEXT};
use http_context_tests::{Frame, Step};

use super::{Case, End, run};

#[tokio::test]
async fn cases_7_closing() {
    let hello = || Frame::text("Hello World!");
    let close = || Frame::close(1000, "");
    let echoed = |id: &str| Case::passes(id).send(&hello()).echo(TEXT, "Hello World!");
    let begun = Frame::text("fragment1").begun();
    let rest = Frame::new(CONTINUATION, "fragment2");
    let long = Frame::text(&"BAsd7&jh23".repeat(26_214));
    let mut cases = vec![
        echoed("7.1.1").send(&close()),
        Case::passes("7.1.2").send_at_once(&[close(), close()]),
        Case::passes("7.1.3").send_at_once(&[close(), Frame::new(PING, "")]),
        Case::passes("7.1.4").send_at_once(&[close(), hello()]),
        Case::passes("7.1.5").send_at_once(&[begun, close(), rest]),
        // What is sent after the Close frame is lost.
        Case::passes("7.1.6")
            .send_at_once(&[long.clone(), hello(), close(), Frame::new(PING, "")])
            .echo(TEXT, long.payload)
            .echo(TEXT, "Hello World!"),
        Case {
            end: End::Closes(1005),
            ..Case::passes("7.3.1").send(&Frame::new(CLOSE, ""))
        },
        Case::fails("7.3.2", 1002).send(&Frame::new(CLOSE, "a")),
        Case::passes("7.3.3").send(&close()),
        Case::passes("7.3.4").send(&Frame::close(1000, "Hello World!")),
        Case::passes("7.3.5").send(&Frame::close(1000, &"*".repeat(123))),
        Case::fails("7.3.6", 1002).send(&Frame::close(1000, &"*".repeat(124))),
        Case::fails("7.5.1", 1007).send(&Frame::new(
            CLOSE,
            b"\x03\xe8\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited".as_slice(),
        )),
    ];
    let valid = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ];
    for (nth, code) in valid.into_iter().enumerate() {
        cases.push(Case {
            end: End::Closes(code),
            ..Case::passes(format!("7.7.{}", nth + 1)).send(&Frame::close(code, ""))
        });
    }
    // They are answered with 1002.
    let invalid = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
    for (nth, code) in invalid.into_iter().enumerate() {
        cases.push(Case {
            end: End::Closes(1002),
            ..Case::passes(format!("7.9.{}", nth + 1)).send(&Frame::close(code, ""))
        });
    }
    for (nth, code) in [5000, 65_535].into_iter().enumerate() {
        cases.push(Case {
            end: End::Closes(1002),
            ..Case::passes(format!("7.13.{}", nth + 1)).send(&Frame::close(code, ""))
        });
    }
    run(cases).await;
}

/// Not of the suite: what a client does whose own message is under way when the Close frame comes.
#[tokio::test]
async fn an_echo_that_the_peer_takes_late_comes_before_the_answer_to_its_close() {
    let large = Frame::new(BINARY, vec![1; 4 << 20]);
    let case = Case::passes("7.-")
        .send_at_once(&[large.clone(), Frame::close(1000, "")])
        .step(Step::Wait(std::time::Duration::from_millis(20)));
    run(vec![case.echo(BINARY, large.payload)]).await;
}

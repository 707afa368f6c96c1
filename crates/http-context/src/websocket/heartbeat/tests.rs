//! When a peer has not answered a ping, though it could have.

use super::*;

const NOT_BEHIND: bool = false;
const BEHIND: bool = true;
const BETWEEN_FRAMES: bool = false;
const AMID_FRAME: bool = true;

/// A peer that was asked, and the ping is out.
fn asked() -> (Beat, UpgradeTraffic) {
    let (beat, traffic) = written();
    traffic.sent(6);
    traffic.message(Direction::Sent, MessageType::Ping);
    assert!(!beat.is_answered(&traffic));
    (beat, traffic)
}

/// A peer that was asked, and nothing of the ping is out.
fn written() -> (Beat, UpgradeTraffic) {
    let (mut beat, traffic) = (Beat::default(), UpgradeTraffic::new());
    traffic.sent(100);
    traffic.received(100);
    assert!(beat.is_answered(&traffic), "nobody was asked");
    beat.ask(&traffic);
    (beat, traffic)
}

#[test]
fn who_was_not_asked_or_has_answered_owes_nothing() {
    let traffic = UpgradeTraffic::new();
    assert!(!Beat::default().is_missed(&traffic, NOT_BEHIND, BETWEEN_FRAMES));
    let (mut beat, traffic) = asked();
    traffic.received(2);
    traffic.message(Direction::Received, MessageType::Pong);
    assert!(beat.is_answered(&traffic));
    assert!(!beat.is_missed(&traffic, NOT_BEHIND, BETWEEN_FRAMES));
}

#[test]
fn who_says_nothing_has_missed_it_and_so_has_who_says_other_things() {
    let (mut beat, traffic) = asked();
    assert!(beat.is_missed(&traffic, NOT_BEHIND, BETWEEN_FRAMES));
    let (mut beat, traffic) = asked();
    traffic.received(10);
    traffic.message(Direction::Received, MessageType::Text);
    assert!(beat.is_missed(&traffic, NOT_BEHIND, BETWEEN_FRAMES));
    // What goes out behind the ping gives no more time for an answer.
    let (mut beat, traffic) = asked();
    traffic.sent(1_000);
    assert!(beat.is_missed(&traffic, NOT_BEHIND, BETWEEN_FRAMES));
}

#[test]
fn a_ping_behind_a_long_message_is_waited_for_as_long_as_that_goes_out() {
    let (mut beat, traffic) = written();
    for _ in 0..3 {
        traffic.sent(1_000);
        assert!(!beat.is_missed(&traffic, NOT_BEHIND, BETWEEN_FRAMES));
    }
    assert!(beat.is_missed(&traffic, NOT_BEHIND, BETWEEN_FRAMES));
}

#[test]
fn an_answer_behind_a_long_message_is_waited_for_as_long_as_that_comes() {
    let (mut beat, traffic) = asked();
    for _ in 0..3 {
        traffic.received(1_000);
        assert!(!beat.is_missed(&traffic, NOT_BEHIND, AMID_FRAME));
    }
    assert!(beat.is_missed(&traffic, NOT_BEHIND, AMID_FRAME));
}

#[test]
fn an_answer_may_be_behind_what_nobody_reads_and_then_behind_all_that_comes() {
    let (mut beat, traffic) = asked();
    for _ in 0..3 {
        assert!(!beat.is_missed(&traffic, BEHIND, BETWEEN_FRAMES));
    }
    for _ in 0..3 {
        traffic.received(1_000);
        assert!(!beat.is_missed(&traffic, NOT_BEHIND, BETWEEN_FRAMES));
    }
    assert!(beat.is_missed(&traffic, NOT_BEHIND, BETWEEN_FRAMES));
}

//! Text in, text out.

use super::*;
use crate::mutants::at_once::{
    changes::{Genre, Position},
    samples,
};

/// A change at the first `there` in the text.
fn change(number: u32, genre: Genre, text: &str, there: &str, replacement: &str) -> Change {
    let start = text.find(there).unwrap();
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Change {
        number,
        genre,
        start: Position {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        },
        replacement: replacement.to_owned(),
        name: format!("change {number}"),
        ..samples::change()
    }
}

/// With words apart by one blank and the path of switches left out.
fn switched(text: &str, changes: &[Change]) -> String {
    let switched = switch(text, &changes.iter().collect::<Vec<_>>()).unwrap();
    syn::parse_file(&switched.text).unwrap();
    for place in &switched.places {
        let own = switched.text.lines().skip(place.own.start() - 1);
        let own: Vec<&str> = own.take(place.own.clone().count()).collect();
        let asked = own.join("\n").matches("::mutant_switch::on(").count();
        assert_eq!(asked, 1, "the lines of a change are its own: {own:?}");
        assert!(own.join("\n").contains(&format!("on({})", place.change)));
        assert!(place.whole.start() <= place.own.start() && place.own.end() <= place.whole.end());
    }
    let words: Vec<&str> = switched.text.split_whitespace().collect();
    words.join(" ").replace("::mutant_switch::", "")
}

#[test]
fn a_function_returns_a_value_instead() {
    let text = "fn a() -> u8 { let b = 1; b }";
    let changes = [
        change(1, Genre::Function, text, "let", "0"),
        change(2, Genre::Function, text, "let", "1"),
    ];
    let with = "fn a() -> u8 { if on(1) { return 0; } if on(2) { return 1; } let b = 1; b }";
    assert_eq!(switched(text, &changes), with);
}

#[test]
fn the_value_of_an_error_in_a_function_is_to_blame_for_it() {
    let text = "fn a() -> u8 {\n    let b = 1;\n    b\n}\n";
    let value = change(1, Genre::Function, text, "let", "0");
    let switched = switch(text, &[&value]).unwrap();
    let last = switched
        .text
        .lines()
        .position(|line| line.trim() == "b")
        .unwrap()
        + 1;
    assert_eq!(*switched.places[0].whole.end(), last);
}

#[test]
fn a_method_and_one_of_a_trait_return_a_value_instead() {
    let text = "impl A { fn a() { b() } } trait C { fn d(); fn e() { f() } }";
    let changes = [
        change(1, Genre::Function, text, "b()", "()"),
        change(2, Genre::Function, text, "f()", "()"),
    ];
    let with = "impl A { fn a() { if on(1) { return (); } b() } } \
        trait C { fn d(); fn e() { if on(2) { return (); } f() } }";
    assert_eq!(switched(text, &changes), with);
}

#[test]
fn an_operator_is_replaced_and_the_other_changes_of_its_place_come_behind_it() {
    let text = "fn a() { let x = b < c; }";
    let changes = [
        change(1, Genre::Binary, text, "<", "=="),
        change(2, Genre::Binary, text, "<", ">"),
    ];
    let with =
        "fn a() { let x = ( if on(1) { (b == c) } else if on(2) { (b > c) } else { (b < c) }); }";
    assert_eq!(switched(text, &changes), with);
}

#[test]
fn an_operator_is_replaced_in_its_text_whatever_binds_first() {
    let text = "fn a() { x || b && c }";
    let changes = [change(1, Genre::Binary, text, "||", "&&")];
    let with = "fn a() { ( if on(1) { (x && b && c) } else { (x || b && c) }) }";
    assert_eq!(switched(text, &changes), with);
}

#[test]
fn an_assignment_with_an_operator_is_replaced() {
    let text = "fn a() { self.b += c; }";
    let changes = [change(1, Genre::Binary, text, "+=", "-=")];
    let with = "fn a() { ( if on(1) { (self.b -= c) } else { (self.b += c) }); }";
    assert_eq!(switched(text, &changes), with);
}

#[test]
fn what_is_inside_of_a_switch_has_switches_where_that_is_off() {
    let text = "fn a() { b && !c }";
    let changes = [
        change(1, Genre::Binary, text, "&&", "||"),
        change(2, Genre::Unary, text, "!", ""),
    ];
    let with =
        "fn a() { ( if on(1) { (b || !c) } else { (b && ( if on(2) { (c) } else { (!c) })) }) }";
    assert_eq!(switched(text, &changes), with);
}

#[test]
fn conditions_beside_a_pattern_are_switched_and_those_with_it_are_not() {
    let text = "fn a() { if let Some(b) = c && b == d && !e {} }";
    let changes = [
        change(1, Genre::Binary, text, "&&", "||"),
        change(2, Genre::Binary, text, "==", "!="),
        change(3, Genre::Unary, text, "!e", ""),
    ];
    let with = "fn a() { if let Some(b) = c && ( if on(2) { (b != d) } else { (b == d) }) \
        && ( if on(3) { (e) } else { (!e) }) {} }";
    assert_eq!(switched(text, &changes), with);
}

#[test]
fn a_guard_is_replaced_and_so_is_an_operator_with_the_same_text() {
    let text = "fn a() { match b { c if d == e => f, _ => g } }";
    let changes = [
        change(1, Genre::Guard, text, "d ==", "true"),
        change(2, Genre::Guard, text, "d ==", "false"),
        change(3, Genre::Binary, text, "==", "!="),
    ];
    let with = "fn a() { match b { c if ( if on(1) { (true) } else if on(2) { (false) } else { (\
        ( if on(3) { (d != e) } else { (d == e) })) }) => f, _ => g } }";
    assert_eq!(switched(text, &changes), with);
}

#[test]
fn an_arm_that_is_deleted_is_not_taken() {
    let text = "fn a() { match b { c | d => e, f if g => h, _ => i } }";
    let changes = [
        change(1, Genre::Arm, text, "c |", ""),
        change(2, Genre::Arm, text, "f if", ""),
        change(3, Genre::Guard, text, "g =>", "true"),
    ];
    let with = "fn a() { match b { c | d if !on(1) => e, f if !on(2) && (\
        ( if on(3) { (true) } else { (g) })) => h, _ => i } }";
    assert_eq!(switched(text, &changes), with);
}

#[test]
fn a_field_is_that_of_the_base_instead() {
    let text = "fn a() { B { c, d: e, ..f } }";
    let changes = [
        change(1, Genre::Field, text, "c,", ""),
        change(2, Genre::Field, text, "d:", ""),
    ];
    let with = "fn a() { ( if on(1) { (B { d: e, ..f }) } else if on(2) { (B { c, ..f }) } \
        else { (B { c, d: e, ..f }) }) }";
    assert_eq!(switched(text, &changes), with);
}

#[test]
fn a_function_whose_type_is_that_of_its_body_returns_nothing_else() {
    let text = "fn a() -> Option<impl Iterator<Item = u8>> { b() }";
    let changes = [change(1, Genre::Function, text, "b()", "None")];
    assert_eq!(switched(text, &changes), text);
}

#[test]
fn what_the_compiler_evaluates_has_no_switch() {
    for text in [
        "const fn a() -> bool { b == c }",
        "const A: bool = b == c;",
        "static A: bool = b == c;",
        "impl A { const B: bool = b == c; }",
        "struct A([u8; b == c]);",
        "fn a() { [0; b == c]; }",
        "fn a() { const { b == c } }",
        "fn a() { macro_of_others!(b == c) }",
    ] {
        let changes = [change(1, Genre::Binary, text, "==", "!=")];
        assert!(!switched(text, &changes).contains("on(1)"), "{text}");
    }
}

#[test]
fn what_a_static_evaluates_later_has_a_switch() {
    let text = "static A: Lazy = Lazy::new(|| b == c);";
    let changes = [change(1, Genre::Binary, text, "==", "!=")];
    let with = "static A: Lazy = Lazy::new(|| ( if on(1) { (b != c) } else { (b == c) }));";
    assert_eq!(switched(text, &changes), with);
}

#[test]
fn a_text_that_is_no_rust_and_a_place_that_is_not_there_are_errors() {
    assert!(switch("fn a( {", &[]).is_err());
    let beyond = Change {
        start: Position { line: 9, column: 1 },
        ..change(1, Genre::Unary, "fn a() {}", "a", "")
    };
    assert!(switch("fn a() {}", &[&beyond]).is_err());
}

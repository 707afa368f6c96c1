//! Small made-up trees, with and without circles.

use std::path::Path;

use super::*;

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (file, text) in files {
        tree.add(Path::new(file), (*text).to_owned());
    }
    tree
}

const COMPARED: Compared = Compared {
    name: "made-up",
    files: true,
    defended: &[],
};

fn report(files: &[(&str, &str)]) -> String {
    compare(&COMPARED, &tree(files))
}

#[test]
fn a_circle_of_modules_is_found_with_the_places_that_close_it() {
    let found = report(&[
        ("a/mod.rs", "mod x;"),
        ("a/x.rs", "//! It is x.\n\nuse crate::b::B;"),
        ("b.rs", "pub fn f() { crate::c::g::<u8>() }"),
        ("c.rs", "use super::{d, a::x};"),
        ("d.rs", "pub struct D;"),
    ]);
    assert_eq!(
        found,
        "made-up: a circle of 3 modules: a b c\n  \
         a uses b (src/a/x.rs:3)\n  \
         b uses c (src/b.rs:1)\n  \
         c uses a (src/c.rs:1)\n\
         made-up: a circle of 3 files: a/x b c\n  \
         a/x uses b (src/a/x.rs:3)\n  \
         b uses c (src/b.rs:1)\n  \
         c uses a/x (src/c.rs:1)\n"
    );
}

#[test]
fn what_goes_one_way_is_no_circle() {
    let found = report(&[
        ("lib.rs", "mod a; mod b; mod c; pub use a::A;"),
        ("a.rs", "use crate::{b::{self, B}, c};"),
        ("b.rs", "use crate::c::C; use super::super::c;"),
        (
            "c.rs",
            "use std::super_x; pub(crate) struct C; fn f(self) { other::b::f() }",
        ),
    ]);
    assert_eq!(found, "");
}

#[test]
fn what_the_root_exports_is_used_where_it_comes_from() {
    for export in [
        "pub use a::{A, B as C};",
        "pub use self::a::x::A;",
        "pub use crate::a::A;",
        "use other::A as B; pub use c::{self, A}; use a as c;",
        "#[cfg(unix)]\npub use crate::{b::B, a::{x::{A}, y}};",
    ] {
        let found = report(&[
            ("lib.rs", export),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "use crate::A;"),
        ]);
        assert!(found.contains("a circle of 2 modules: a b"), "{export}");
    }
    let inside = "mod x { pub use a::A; }";
    let found = report(&[
        ("lib.rs", inside),
        ("a.rs", "use crate::b::B;"),
        ("b.rs", "use crate::A;"),
    ]);
    assert_eq!(found, "", "{inside}");
}

#[test]
fn files_of_one_folder_can_stand_in_a_circle_of_their_own() {
    let files = [
        ("a/mod.rs", "use crate::a::x::X;"),
        ("a/x.rs", "use crate::a::y::Y;"),
        ("a/y.rs", "use crate::a::A;"),
    ];
    let found = report(&files);
    assert!(
        found.starts_with("made-up: a circle of 3 files: a a/x a/y\n"),
        "{found}"
    );
    let modules_only = Compared {
        files: false,
        ..COMPARED
    };
    assert_eq!(compare(&modules_only, &tree(&files)), "");
}

#[test]
fn super_leaves_a_module_only_where_there_is_enough_of_it() {
    let found = report(&[
        ("a/mod.rs", "mod x; use super::b::B;"),
        ("a/x.rs", "use super::b::B;"),
        ("b/mod.rs", ""),
        ("b/x.rs", "mod y { use super::super::a::A; }"),
        ("a/b.rs", ""),
    ]);
    assert_eq!(found, "");
    for deep in [
        "use super::super::a::A;",
        "mod y { use super::super::super::a::A; }",
        "mod y { mod z {} } fn f() { super::super::a::g() }",
    ] {
        let found = report(&[("a/mod.rs", "use super::b::B;"), ("b/x.rs", deep)]);
        assert!(found.contains("a circle of 2 modules: a b"), "{deep}");
    }
}

#[test]
fn tests_may_use_what_they_like() {
    for test in [
        "#[cfg(test)] mod tests { use crate::a::A; fn f() { if true { crate::a::f() } } }",
        "#[cfg(all(test, unix))] #[allow(x)] use crate::a::{A, B};",
        "#[cfg(test)] pub(crate) fn f(_: crate::a::A) -> [u8; 3] { crate::a::f() }",
        "struct S { #[cfg(test)] a: crate::a::A, b: u8 } enum E { #[cfg(test)] A(crate::a::A) }",
        "#[cfg(test)] impl X<u8, crate::a::A> for Y { fn f() {} }",
        "#[cfg(test)] mod tests;",
        "// crate::a::A\nfn f() -> &'static str { \"crate::a::A\" }",
    ] {
        let files = [
            ("a.rs", "use crate::b::B;"),
            ("b.rs", test),
            ("b/tests.rs", "use crate::a::A;"),
            ("b/tests/more.rs", "use crate::a::A;"),
        ];
        let with_tests = if test.ends_with("tests;") { 4 } else { 2 };
        assert_eq!(report(&files[..with_tests]), "", "{test}");
    }
    for not_only in [
        "#[cfg(any(test, feature = \"x\"))] use crate::a::A;",
        "#[cfg(not(test))] use crate::a::A;",
        "#[cfg(test)] mod tests { mod x {} } use crate::a::A;",
        "#[cfg(test)] use std::{x, y}; use crate::a::A;",
        "struct S { #[cfg(test)] a: u8, b: crate::a::A }",
    ] {
        let found = report(&[("a.rs", "use crate::b::B;"), ("b.rs", not_only)]);
        assert!(found.contains("a circle of 2 modules: a b"), "{not_only}");
    }
}

#[test]
fn a_circle_that_is_defended_is_left_out_for_as_long_as_it_is_there() {
    const DEFENDED: Compared = Compared {
        defended: &[Defended {
            files: &["a/x", "a/y"],
            reason: "they are two halves",
        }],
        ..COMPARED
    };
    let (x, y) = (
        ("a/x.rs", "use crate::a::y;"),
        ("a/y.rs", "use crate::a::x;"),
    );
    assert_eq!(compare(&DEFENDED, &tree(&[x, y])), "");
    let found = compare(
        &DEFENDED,
        &tree(&[
            x,
            y,
            ("a/z.rs", "use crate::a::w;"),
            ("a/w.rs", "use crate::a::z;"),
        ]),
    );
    assert!(
        found.starts_with("made-up: a circle of 2 files: a/w a/z\n"),
        "{found}"
    );
    let found = compare(&DEFENDED, &tree(&[x]));
    assert_eq!(
        found,
        "made-up: no circle of a/x a/y any more, which is defended with: they are two halves\n"
    );
}

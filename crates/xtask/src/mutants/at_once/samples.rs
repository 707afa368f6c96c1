//! Changes and tests to test with.

use std::time::Duration;

use super::{
    build::Program,
    changes::{Change, Genre, Position},
    reach::Test,
};

pub(super) fn program(name: &str) -> Program {
    Program {
        name: name.to_owned(),
        path: "/x".into(),
        folder: "/".into(),
    }
}

/// One of the program `core`.
pub(super) fn test(name: &str, milliseconds: u64, reaches: &[u32]) -> Test {
    Test {
        program: program("core"),
        name: name.to_owned(),
        took: Duration::from_millis(milliseconds),
        reaches: reaches.to_vec(),
    }
}

/// What a test says nothing of.
pub(super) fn change() -> Change {
    Change {
        number: 1,
        package: "core".to_owned(),
        file: "a.rs".to_owned(),
        function: String::new(),
        genre: Genre::Binary,
        start: Position { line: 1, column: 1 },
        replacement: String::new(),
        name: String::new(),
    }
}

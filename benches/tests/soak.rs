//! The soak in short, so that it is known to run.

use std::process::Command;

#[test]
fn a_short_soak_holds() {
    let output = Command::new(env!("CARGO_BIN_EXE_soak"))
        .args(["--seconds", "10", "--rounds", "10"])
        .output()
        .expect("it was built along with this test");
    let printed = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{failed}\n{printed}");
    assert!(printed.contains("held in"), "{printed}");
}

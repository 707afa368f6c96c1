//! What the compiler says of work that cannot be run.

#[test]
fn work_that_cannot_be_run_is_refused_with_a_way_out() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

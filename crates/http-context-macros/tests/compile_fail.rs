//! What the attribute says when it is misused.

#[test]
fn misuse_of_the_attribute_is_reported_where_it_is() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

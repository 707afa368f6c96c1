//! That the page about tests shows tests that run.

const PAGE: &str = include_str!("../../../crates/http-context/src/guide/testing.rs");
const TESTS: &str = include_str!("testing.rs");

#[test]
fn every_test_that_the_page_shows_is_one_of_these() {
    let lines = PAGE
        .lines()
        .map(|line| line.strip_prefix("//! ").unwrap_or(""));
    let mut shown: Vec<Vec<&str>> = Vec::new();
    let mut is_open = false;
    for line in lines {
        match line {
            "```ignore" => {
                is_open = true;
                shown.push(Vec::new());
            }
            "```" => is_open = false,
            code if is_open => shown.last_mut().unwrap().push(code),
            _ => {}
        }
    }
    assert_eq!(shown.len(), 4, "{shown:?}");
    for code in shown {
        let code = code.join("\n");
        assert!(TESTS.contains(&code), "only the page has this:\n{code}");
    }
}

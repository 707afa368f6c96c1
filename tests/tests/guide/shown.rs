//! That the page about tests shows tests that run, and that the index leads to every page.

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

/// The index of the guide, which is that of all crates, and what has pages in another one.
const INDEX: &str = include_str!("../../../crates/http-context/src/guide/mod.rs");
const OF_THE_WORKER: &str = include_str!("../../../crates/http-context-worker/src/guide/mod.rs");

fn pages(module: &str) -> impl Iterator<Item = &str> {
    let declared = module
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "));
    declared.filter_map(|line| line.strip_suffix(';'))
}

#[test]
fn the_index_leads_to_every_page() {
    for page in pages(INDEX) {
        assert!(INDEX.contains(&format!("]({page})")), "{page}");
    }
    for page in pages(OF_THE_WORKER) {
        assert!(OF_THE_WORKER.contains(&format!("]({page})")), "{page}");
        let there = format!("/http_context_worker/guide/{page}/index.html)");
        assert!(INDEX.contains(&there), "{page}");
    }
    assert!(pages(INDEX).count() > 10);
}

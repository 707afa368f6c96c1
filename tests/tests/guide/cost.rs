//! That the pages about cost and sizing say what the benchmarks say.

const COST: &str = include_str!("../../../crates/http-context/src/guide/cost.rs");
const SIZING: &str = include_str!("../../../crates/http-context-worker/src/guide/sizing.rs");
const FIGURES: [&str; 4] = [
    include_str!("../../../benches/README.md"),
    include_str!("../../../benches/docs/growth.md"),
    include_str!("../../../benches/docs/jobs.md"),
    include_str!("../../../benches/docs/scale.md"),
];

#[test]
fn every_figure_of_the_page_on_cost_is_one_of_the_benchmarks() {
    let measured: Vec<String> = FIGURES[..2].iter().flat_map(|text| numbers(text)).collect();
    let said: Vec<String> = large(COST).collect();
    assert!(said.len() > 15, "{said:?}");
    for number in said {
        assert!(measured.contains(&number), "no benchmark says {number}");
    }
}

/// What is measured is in tables; what they come to on paper stands in a column that says so, and among what it says
/// of hosts and settings are numbers that nobody measures.
#[test]
fn the_tables_of_the_page_on_sizing_are_those_of_the_benchmarks() {
    let measured: Vec<String> = FIGURES.into_iter().flat_map(numbers).collect();
    let (_, series) = SIZING.split_once("# Prometheus").unwrap();
    let rows = series.lines().filter(|line| line.starts_with("//! |"));
    let last = SIZING.lines().filter(|line| line.starts_with("//! | 1"));
    let last = last.filter_map(|line| line.trim_end_matches(" |").rsplit_once("| "));
    let said = rows.chain(last.map(|(_, measured)| measured));
    let said: Vec<String> = said.flat_map(large).collect();
    assert!(said.len() >= 12, "{said:?}");
    for number in said {
        assert!(measured.contains(&number), "no benchmark says {number}");
    }
}

/// The numbers of a text that are not said by chance.
fn large(text: &str) -> impl Iterator<Item = String> {
    numbers(text).into_iter().filter(|number| number.len() > 3)
}

/// All whole numbers, without what parts their thousands.
fn numbers(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !(character.is_ascii_digit() || character == ','));
    let words = words.map(|word| word.trim_matches(',').replace(',', ""));
    words.filter(|word| !word.is_empty()).collect()
}

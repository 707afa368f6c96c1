//! That the page about cost says what the benchmarks say.

const PAGE: &str = include_str!("../../../crates/http-context/src/guide/cost.rs");
const FIGURES: [&str; 2] = [
    include_str!("../../../benches/README.md"),
    include_str!("../../../benches/docs/growth.md"),
];

#[test]
fn every_figure_of_the_page_is_one_of_the_benchmarks() {
    let measured: Vec<String> = FIGURES.into_iter().flat_map(numbers).collect();
    let said: Vec<String> = numbers(PAGE)
        .into_iter()
        .filter(|number| number.len() > 3)
        .collect();
    assert!(said.len() > 15, "{said:?}");
    for number in said {
        assert!(measured.contains(&number), "no benchmark says {number}");
    }
}

/// All whole numbers, without what parts their thousands.
fn numbers(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !(character.is_ascii_digit() || character == ','));
    let words = words.map(|word| word.trim_matches(',').replace(',', ""));
    words.filter(|word| !word.is_empty()).collect()
}

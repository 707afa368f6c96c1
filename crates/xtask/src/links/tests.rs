//! What `lychee` is asked, of small made-up pages.

use super::*;

/// The documentation of one library, in a folder that is gone afterwards.
struct Made(Documentation);

impl Made {
    fn new(name: &str) -> Self {
        let folder = format!("xtask-links-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(folder.join("http_context/private")).unwrap();
        Self(Documentation {
            root: folder.clone(),
            folder,
            packages: vec!["http-context".to_owned()],
        })
    }

    fn page(&self, path: &str, text: &str) {
        fs::write(self.0.folder.join("http_context").join(path), text).unwrap();
    }

    fn settings(&self) -> String {
        settings(&self.0, &self.0.pages().unwrap())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0.folder).ok();
    }
}

#[test]
fn a_page_that_leads_on_says_where_to() {
    let page = r#"<meta http-equiv="refresh" content="0;URL=../../a/trait.B.html">"#;
    assert_eq!(leads_to(page).as_deref(), Some("../../a/trait.B.html"));
    assert_eq!(leads_to("<title>A page</title>"), None);
}

#[test]
fn a_link_to_an_own_crate_at_docs_rs_is_looked_for_in_what_is_built() {
    let made = Made::new("docs-rs");
    let settings = made.settings();
    let remap = "^https://docs\\\\.rs/http-context/latest/ file://";
    assert!(settings.contains(remap), "{settings}");
}

#[test]
fn an_anchor_of_a_page_that_leads_on_is_looked_for_where_it_leads() {
    let made = Made::new("leads-on");
    made.page("trait.B.html", "");
    let stub = r#"<meta http-equiv="refresh" content="0;URL=../trait.B.html">"#;
    made.page("private/trait.B.html", stub);
    let settings = made.settings();
    assert!(
        settings.contains("/private/trait\\\\.B\\\\.html# file://"),
        "{settings}"
    );
    assert!(
        settings.contains("/http_context/trait.B.html#\""),
        "{settings}"
    );
}

#[test]
fn pages_of_an_earlier_build_are_forgotten() {
    let made = Made::new("earlier");
    made.page("struct.Gone.html", "");
    made.0.forget().unwrap();
    let left = fs::read_dir(made.0.folder.join("http_context")).unwrap();
    assert_eq!(left.count(), 0);
}

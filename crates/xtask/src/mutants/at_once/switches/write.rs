//! Writes a source with its switches.
//!
//! Each switch begins a line, so that what the compiler says of a line is about one change.

use std::ops::Range;

use super::{Branch, Form, Place, Site, Switched};

pub(super) fn written(text: &str, sites: &[Site]) -> Switched {
    let mut writer = Writer {
        source: text,
        sites,
        next: 0,
        text: String::with_capacity(text.len() * 2),
        line: 1,
        places: Vec::new(),
    };
    writer.source(0..text.len());
    Switched {
        text: writer.text,
        places: writer.places,
    }
}

struct Writer<'a> {
    source: &'a str,
    sites: &'a [Site],
    /// The first site that is not yet written.
    next: usize,
    text: String,
    /// The number of the last line of `text`.
    line: usize,
    places: Vec<Place>,
}

impl<'a> Writer<'a> {
    /// A part of the source, with the sites in it.
    fn source(&mut self, range: Range<usize>) {
        let mut at = range.start;
        while let Some(site) = self.sites.get(self.next)
            && site.range.start < range.end
        {
            self.next += 1;
            let source = self.source;
            self.push(&source[at..site.range.start]);
            at = site.range.end;
            self.site(site);
        }
        let source = self.source;
        self.push(&source[at..range.end]);
    }

    fn site(&mut self, site: &'a Site) {
        let (first, known) = (self.line, self.places.len());
        let (opens, closes) = match site.form {
            Form::Return | Form::NewGuard => ("\n", "\n"),
            Form::Whole => ("(\n", "{\n("),
            Form::MoreGuard => ("\n", "("),
        };
        self.push(opens);
        for branch in &site.branches {
            let (asked, other) = (asked(branch), &branch.text);
            let (text, after) = match site.form {
                Form::Return => (format!("if {asked} {{\nreturn {other};\n}}"), "\n"),
                Form::Whole => (format!("if {asked} {{\n({other})\n}}"), "\nelse "),
                Form::NewGuard => (format!("if !{asked}"), ""),
                Form::MoreGuard => (format!("!{asked}"), "\n&& "),
            };
            self.own(branch, &text);
            self.push(after);
        }
        self.push(closes);
        // Places of what is inside come after these.
        let own = known..self.places.len();
        self.source(site.range.clone());
        self.push(match site.form {
            Form::Return | Form::NewGuard => "",
            Form::Whole => ")\n})",
            Form::MoreGuard => ")",
        });
        let last = self.line;
        for place in &mut self.places[own] {
            place.whole = first..=last;
        }
    }

    /// What is there for one change only.
    fn own(&mut self, branch: &Branch, text: &str) {
        let first = self.line;
        self.push(text);
        self.places.push(Place {
            change: branch.change,
            own: first..=self.line,
            whole: first..=first,
        });
    }

    fn push(&mut self, text: &str) {
        self.line += text.matches('\n').count();
        self.text.push_str(text);
    }
}

fn asked(branch: &Branch) -> String {
    format!("::mutant_switch::on({})", branch.change)
}

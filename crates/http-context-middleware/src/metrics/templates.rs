//! A bounded number of URL templates.

use hashbrown::HashSet;
use metrics::SharedString;
use parking_lot::RwLock;

use crate::attribute::OTHER;

/// The templates that are label values of their own; further ones are `_OTHER`.
#[derive(Debug)]
pub(crate) struct Templates {
    cap: usize,
    /// No code of others runs under the lock.
    known: RwLock<HashSet<SharedString>>,
}

impl Templates {
    pub(crate) fn new(cap: usize) -> Self {
        Self {
            cap,
            known: RwLock::default(),
        }
    }

    pub(crate) fn bounded(&self, template: &SharedString) -> SharedString {
        if self.read(template) {
            return template.clone();
        }
        let mut known = self.known.write();
        if known.len() < self.cap || known.contains(template) {
            known.insert(template.clone());
            return template.clone();
        }
        SharedString::const_str(OTHER)
    }

    fn read(&self, template: &SharedString) -> bool {
        self.known.read().contains(template)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn templates_beyond_the_cap_are_other() {
        let templates = Templates::new(1);
        let (first, second) = (SharedString::const_str("/a"), SharedString::const_str("/b"));
        assert_eq!(templates.bounded(&first), first);
        assert_eq!(&*templates.bounded(&second), OTHER);
        assert_eq!(templates.bounded(&first), first);
    }
    #[test]
    fn a_template_that_is_known_is_found_while_others_read() {
        let templates = Templates::new(1);
        let template = SharedString::const_str("/a");
        templates.bounded(&template);
        let reading = templates.known.read();
        let (found, finding) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| found.send(templates.bounded(&template)));
            let found = finding.recv_timeout(Duration::from_secs(10));
            drop(reading);
            assert_eq!(found, Ok(template.clone()));
        });
    }
}

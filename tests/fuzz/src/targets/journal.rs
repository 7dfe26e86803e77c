//! A journal of any bytes: it is read, or refused in words, and never the end of the program.

use weir::journal::{Beginning, Claim, Identity, Journal};
use weir_core::protocol::Container;

use crate::media::folder;

pub(crate) fn run(data: &[u8]) {
    let folder = folder();
    let journal = Journal::at(folder.path().to_owned());
    std::fs::write(journal.path(), data).expect("the folder can be written to");
    let numbers = match journal.list() {
        Ok(records) => records.into_iter().map(|record| record.id).collect(),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            vec![1]
        }
    };
    for id in numbers.into_iter().take(3) {
        let _ = journal.record_of(id);
        let _ = journal.command_of(id);
        let _ = journal.mend(id, &Identity::of_its_own());
        let _ = journal.forget(id);
    }
    let _ = journal.has_unfinished(&Identity::of_its_own());
    let _ = journal.take_words();
    let beginning = Beginning {
        browser: None,
        identity: Identity::of_its_own(),
        title: None,
        source: "https://a.example/a.m3u8".to_owned(),
        container: Some(Container::Mp4),
        command: None,
        segments: 1,
        patience: None,
    };
    match journal.claim(&beginning, None) {
        // Nobody has begun this one.
        Ok(claim) => assert!(matches!(claim, Claim::New(_, None)), "{claim:?}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

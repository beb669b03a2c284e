//! Two imports at once: one of them is told to wait, and the other brings all that is its own.

use super::super::{Ran, place};
use super::amid::{begun, large, sorted};
use super::made::{MadeRoom, made};
use super::{all, lines};

/// What an import says that finds another one running.
pub(super) const ANOTHER: [&str; 3] = [
    "another import into the data folder",
    "is running",
    "wait until it is done, then try again",
];

#[test]
fn of_two_imports_at_once_one_is_told_and_the_other_comes_whole() {
    let other = [MadeRoom {
        number: 1,
        members: 1,
    }];
    let other = made(1, &other);
    for is_served in [false, true] {
        let place = place();
        let (_, text) = large(&place);
        let server = is_served.then(|| place.serve());
        let mut first = begun(&place);
        place.run("import large.jsonl").ended(1, &ANOTHER);
        place
            .run("import large.jsonl --skip-existing")
            .ended(1, &ANOTHER);
        // What would be in nobody's way as well, and before it is looked at.
        place.run_with("import -", &other).ended(1, &ANOTHER);
        place.run_with("import -", "no export").ended(1, &ANOTHER);
        assert!(first.try_wait().unwrap().is_none(), "it is over too soon");
        let ran = Ran::from(first.wait_with_output().unwrap());
        ran.ended(0, &["2 rooms, 40,001 messages."]);
        assert_eq!(lines(&sorted(&all(&place))), lines(&sorted(&text)));
        place
            .run_with("import -", &other)
            .ended(0, &["Imported 1 account, 1 room"]);
        if let Some(server) = server {
            server.stop();
        }
    }
}

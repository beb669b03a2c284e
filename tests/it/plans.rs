//! How the database finds what is asked of it: by indexes, in the order that is asked for.

use super::harness::App;
use std::path::Path;

/// What SQLite says of a query that reads a table from end to end, or sorts what it found.
const COSTLY: [&str; 2] = ["SCAN", "TEMP B-TREE"];
/// An index of the rows that are sought, and of no others, is read from end to end.
const WHOLE_INDEX: &str = "rooms_deleted";
/// This is asked once a start, and ends at the first row that it finds.
const AT_START: &str = "WHERE is_admin AND NOT is_disabled LIMIT 1";
/// How each query of messages begins.
const MESSAGES: &str = "ON u.id = m.user_id ";

/// The statements in a source file, put together where a macro does so.
fn statements(source: &str) -> Vec<String> {
    let (mut found, mut messages) = (Vec::new(), String::new());
    for text in source.split('"').skip(1).step_by(2) {
        if text.ends_with(MESSAGES) {
            text.clone_into(&mut messages);
        } else if text.starts_with("WHERE ") {
            found.push(format!("{messages}{text}"));
        } else if ["SELECT ", "UPDATE ", "DELETE "]
            .iter()
            .any(|verb| text.starts_with(verb))
        {
            found.push(text.to_owned());
        }
    }
    found
}

#[tokio::test]
async fn every_query_goes_by_an_index_and_sorts_nothing() {
    let app = App::start().await;
    let database = app.database();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut looked_at = 0;
    for file in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if file.path().extension().is_none_or(|kind| kind != "rs") {
            continue;
        }
        for statement in statements(&std::fs::read_to_string(file.path()).unwrap()) {
            if ["sqlite_schema", "refinery", AT_START]
                .iter()
                .any(|known| statement.contains(known))
            {
                continue;
            }
            let mut explain = database
                .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
                .unwrap();
            let plan = explain.raw_query().mapped(|row| row.get::<_, String>(3));
            for step in plan.map(Result::unwrap) {
                let costly = COSTLY.iter().any(|word| step.contains(word));
                assert!(!costly || step.contains(WHOLE_INDEX), "{step}\n{statement}");
            }
            looked_at += 1;
        }
    }
    assert!(looked_at > 40, "{looked_at} statements");
}

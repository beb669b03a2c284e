//! Whatever reads bytes from outside: it never panics, accepts what it should and nothing else, and
//! gives back what was put in. The inputs are made up anew at each run; a failure prints the smallest.

mod addresses;
mod config;
mod control;
mod export;
mod rest;
mod text;
mod tokens;
mod wire;

use super::{either, report};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Number, Value};
use std::fmt::Debug;

/// Inputs of a parser that is called.
const CALLED: (u32, u32) = (20_000, 1_000);
/// Inputs of a parser that a running server has.
const ASKED: (u32, u32) = (2_000, 150);

/// Holds a property against so many inputs, in full and in short, and says so.
fn hold<S>(what: &str, (in_full, in_short): (u32, u32), inputs: S, property: impl Fn(S::Value))
where
    S: Strategy,
    S::Value: Debug,
{
    let cases = either(in_full, in_short);
    let config = Config {
        cases,
        // Nothing is written beside the sources.
        failure_persistence: None,
        ..Config::default()
    };
    let held = TestRunner::new(config).run(&inputs, |input| {
        property(input);
        Ok(())
    });
    if let Err(failure) = held {
        panic!("{what}: {failure}");
    }
    report(
        "parsers of bytes from outside",
        format!("{what}, {cases} inputs"),
    );
}

/// Any JSON, a few levels deep; among its keys and texts are those that mean something here.
fn json() -> impl Strategy<Value = Value> {
    use proptest::prelude::{any, prop_oneof};
    let leaf = prop_oneof![
        proptest::strategy::Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| Number::from_f64(number).map_or(Value::Null, Value::from)),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((keys(), inner), 0..6)
                .prop_map(|pairs| Value::from(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Texts of all kinds: short and long, of any characters, and such as numbers and ids are made of.
fn texts() -> impl Strategy<Value = String> {
    proptest::prop_oneof![
        "\\PC{0,12}",
        ".{0,40}",
        "[ -~]{0,80}",
        "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}",
        "-?[0-9]{1,25}",
        proptest::collection::vec(proptest::char::any(), 0..12)
            .prop_map(|chars| chars.into_iter().collect::<String>()),
    ]
}

fn keys() -> impl Strategy<Value = String> {
    proptest::prop_oneof![
        4 => proptest::sample::select(vec![
            "roomId",
            "content",
            "messageType",
            "clientId",
            "replyTo",
            "since",
            "quiet",
            "seq",
            "messageId",
            "isTyping",
            "username",
            "email",
            "password",
            "name",
            "isPrivate",
            "token",
        ])
        .prop_map(str::to_owned),
        1 => texts(),
    ]
}

/// Any whole numbers, most of them at or beside one of the edges.
fn numbers(edges: Vec<i64>) -> impl Strategy<Value = i64> {
    use proptest::prelude::{any, prop_oneof};
    prop_oneof![
        1 => any::<i64>(),
        3 => (proptest::sample::select(edges), -2..=2_i64).prop_map(|(edge, by)| edge.saturating_add(by)),
    ]
}

//! Names and other texts that people type, and JSON bodies.

use super::{CALLED, hold, json, keys, numbers, texts};
use chatd::chat::{Input, Login, NewMessage};
use chatd::model::{
    ClientId, Content, DisplayName, EmailAddress, MessageType, Password, RoomName, Username,
};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use serde_json::Value;

#[test]
fn a_name_that_is_accepted_is_within_its_rules_and_stays_itself() {
    let names = proptest::prop_oneof![texts(), "[a-zA-Z0-9_.-]{1,32}", "\\p{L}{3,10}"];
    hold("names", CALLED, names, |text| {
        if let Ok(name) = Username::new(&text) {
            let shown = name.as_str();
            assert!((3..=30).contains(&shown.chars().count()), "{shown:?}");
            assert!(
                !shown.chars().any(|c| c.is_control() || c.is_whitespace()),
                "{shown:?}"
            );
            let again = Username::new(shown).unwrap();
            assert_eq!(again.as_str(), shown);
            // Whoever signs in finds it however it is written.
            assert_eq!(name.key(), Username::key_of(&text), "{text:?}");
            assert_eq!(
                name.key(),
                Username::key_of(&shown.to_uppercase().to_lowercase()),
                "{text:?}"
            );
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if text.is_ascii() {
            let good = (3..=30).contains(&text.len()) && text.chars().all(plain);
            assert_eq!(Username::new(&text).is_ok(), good, "{text:?}");
        }
        for shown in [
            DisplayName::new(&text).map(|name| name.to_string()),
            RoomName::new(&text).map(|name| name.to_string()),
        ] {
            let Ok(shown) = shown else { continue };
            assert_eq!(shown, text.trim());
            assert!((1..=80).contains(&shown.chars().count()));
            assert!(!shown.chars().any(char::is_control), "{shown:?}");
        }
        if let Ok(email) = EmailAddress::new(&text) {
            assert_eq!(email.as_str(), text.trim());
            assert!(text.contains('@') && email.as_str().len() <= EmailAddress::MAX_BYTES);
            assert_eq!(
                EmailAddress::new(email.as_str()).unwrap().key(),
                email.key()
            );
        }
        let chars = text.chars().count();
        let password = Password::new("password", &text, 8);
        assert_eq!(password.is_ok(), (8..=256).contains(&chars), "{text:?}");
    });
}

#[test]
fn what_a_message_is_made_of_is_accepted_exactly_as_promised() {
    let texts = proptest::prop_oneof![
        texts(),
        "[a-z0-9_-]{0,34}",
        "[!-~]{0,66}",
        "[ab]{3990,4010}"
    ];
    hold("parts of messages", CALLED, texts, |text| {
        let chars = text.chars().count();
        if let Ok(content) = Content::new(&text) {
            assert_eq!(content.as_str(), text.trim());
            assert!((1..=4000).contains(&content.as_str().chars().count()));
        } else if text.is_ascii() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            assert!(!(1..=4000).contains(&chars), "{text:?}");
        }
        let of_type =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        let good = (1..=32).contains(&chars) && text.chars().all(of_type) && text != "system";
        assert_eq!(MessageType::new(&text).is_ok(), good, "{text:?}");
        let good = (1..=64).contains(&chars) && text.chars().all(|c| c.is_ascii_graphic());
        assert_eq!(ClientId::new(&text).is_ok(), good, "{text:?}");
    });
}

#[test]
fn a_body_is_accepted_exactly_if_it_is_a_json_object() {
    let bodies = proptest::prop_oneof![
        vec(any::<u8>(), 0..60),
        json().prop_map(|value| value.to_string().into_bytes()),
        "[\\[\\]{}:,\"a0-9 \\\\u-]{0,40}".prop_map(String::into_bytes),
    ];
    hold("bodies", CALLED, bodies, |body| {
        let is_object = serde_json::from_slice::<Value>(&body).is_ok_and(|value| value.is_object());
        let input = Input::parse(&body);
        assert_eq!(
            input.is_ok(),
            is_object,
            "{:?}",
            String::from_utf8_lossy(&body)
        );
        if let Ok(mut input) = input {
            // Whatever is in it, reading it ends in a value or a refusal that names the field.
            let _ = Login::read(Input::parse(&body).unwrap());
            if let Err(error) = NewMessage::read(&mut input) {
                let fields = error.details.unwrap();
                assert!(
                    fields["fields"]
                        .as_object()
                        .is_some_and(|fields| !fields.is_empty())
                );
            }
        }
    });
}

#[test]
fn a_field_is_accepted_exactly_if_it_has_its_type() {
    let values = proptest::prop_oneof![json(), numbers(vec![0, 1000]).prop_map(Value::from)];
    hold("fields", CALLED, (keys(), values), |(key, value)| {
        let body = serde_json::json!({ (key.clone()): value });
        let input = || Input::from_value(body.clone()).unwrap();
        let mut number = input();
        let found = number.optional_number(&key, 0, 1000);
        let wanted = value.as_i64().filter(|number| (0..=1000).contains(number));
        assert_eq!(found, wanted, "{body}");
        assert_eq!(
            number.check().is_ok(),
            value.is_null() || wanted.is_some(),
            "{body}"
        );
        let mut switch = input();
        assert_eq!(switch.optional_bool(&key), value.as_bool(), "{body}");
        assert_eq!(
            switch.check().is_ok(),
            value.is_null() || value.is_boolean(),
            "{body}"
        );
        let mut id = input();
        let found: Option<uuid::Uuid> = id.optional_id(&key);
        let wanted = value.as_str().and_then(|text| text.parse().ok());
        assert_eq!(found, wanted, "{body}");
        let mut text = input();
        let found = text.text(&key, |text| Ok(text.to_owned()));
        assert_eq!(found.as_deref(), value.as_str(), "{body}");
        assert_eq!(text.check().is_ok(), value.is_string(), "{body}");
    });
}

//! What people wrote, as a page has it.

use crate::model::is_unseen;
use std::fmt;
use std::ops::Range;

/// How an address begins that becomes a link; any other scheme might run something.
const SCHEMES: [&str; 2] = ["https://", "http://"];
/// What ends a sentence rather than an address.
const TAIL: [char; 12] = ['.', ',', ';', ':', '!', '?', '\'', '’', '”', '»', ')', ']'];
/// What a link says to the browser: the other side learns nothing of this page, nor do search engines think
/// more of it.
const REL: &str = "noopener noreferrer nofollow";

/// Text that people wrote, as HTML has it: what would be a tag or an entity is none (the HTML Living
/// Standard, section 13.3), and what no page may hold is marked.
pub(super) struct Text<'a>(pub &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(is_special) {
            let (before, from) = rest.split_at(at);
            f.write_str(before)?;
            let mut chars = from.chars();
            f.write_str(match chars.next() {
                Some('&') => "&amp;",
                Some('<') => "&lt;",
                Some('>') => "&gt;",
                Some('"') => "&quot;",
                Some('\'') => "&#39;",
                _ => "\u{fffd}",
            })?;
            rest = chars.as_str();
        }
        f.write_str(rest)
    }
}

fn is_special(c: char) -> bool {
    matches!(c, '&' | '<' | '>' | '"' | '\'') || c.is_control() && !matches!(c, '\n' | '\t')
}

/// The same, with its addresses as links. What a link leads to is what is shown of it; what ends a sentence is
/// no part of it, as in the web UI.
pub(super) struct Linked<'a>(pub &'a str);

impl fmt::Display for Linked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut from = 0;
        while let Some(place) = address(self.0, from) {
            let address = Text(&self.0[place.clone()]);
            let before = Text(&self.0[from..place.start]);
            write!(
                f,
                "{before}<a href=\"{address}\" rel=\"{REL}\">{address}</a>"
            )?;
            from = place.end;
        }
        write!(f, "{}", Text(&self.0[from..]))
    }
}

/// Where the first address stands from a place on.
fn address(text: &str, from: usize) -> Option<Range<usize>> {
    let found = text[from..].match_indices("http");
    found.map(|(at, _)| from + at).find_map(|start| {
        let is_amid_a_word = text[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let scheme = SCHEMES
            .iter()
            .find(|scheme| text[start..].starts_with(**scheme))?;
        let host = start + scheme.len();
        let end = text[host..].find(ends).map_or(text.len(), |end| host + end);
        let bare = text[start..end].trim_end_matches(TAIL);
        let mut end = start + bare.len();
        // A bracket that was opened in the address belongs to it.
        if bare.contains('(') && text[end..].starts_with(')') {
            end += 1;
        }
        let has_host = text.get(host..end)?.starts_with(char::is_alphanumeric);
        (has_host && !is_amid_a_word).then_some(start..end)
    })
}

/// Whether a character is after an address. One that nobody sees could make it another than it seems to be.
fn ends(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"') || is_unseen(c)
}

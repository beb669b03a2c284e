//! Which characters leave a mark, and which turn the text around them.

use std::ops::RangeInclusive;

/// Characters without a glyph of their own: those that Unicode 16 lists as
/// `Default_Ignorable_Code_Point` (`DerivedCoreProperties.txt`), the other format characters (category
/// Cf) but for the Arabic, Syriac and Kaithi signs that are drawn around digits, and the empty pattern
/// of Braille.
const UNSEEN: [RangeInclusive<char>; 19] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{13430}'..='\u{1343f}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

/// Whether anybody can see something of a text.
pub(super) fn is_visible(text: &str) -> bool {
    let leaves_a_mark = |c: char| !c.is_whitespace() && !c.is_control() && !is_unseen(c);
    text.chars().any(leaves_a_mark)
}

/// Whether a character has no glyph of its own.
pub fn is_unseen(c: char) -> bool {
    UNSEEN.iter().any(|unseen| unseen.contains(&c))
}

/// Whether a character sets the direction of what follows, beyond the text that it stands in
/// (Unicode Standard Annex 9, sections 2.1 to 2.5).
pub(super) fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

//! The names of the keys, in the file and in the environment, and what a misspelt one may mean.

use std::collections::BTreeSet;

/// What the names of the server's environment variables begin with.
const ENV_PREFIX: &str = "CHATD_";
/// Stands between section and key in the name of an environment variable.
const ENV_SEPARATOR: &str = "__";

/// Ends the name of a variable that names a file with the value in it.
pub(super) const FILE_SUFFIX: &str = "__FILE";

/// `section.key`, as messages name it.
pub(super) fn join(section: &str, key: &str) -> String {
    format!("{section}.{key}")
}

/// The environment variable that sets a key.
pub(super) fn variable(key: &str) -> String {
    let name = key.to_uppercase().replacen('.', ENV_SEPARATOR, 1);
    format!("{ENV_PREFIX}{name}")
}

/// The key that a variable wants to set, known or not; none when it is not about a key.
pub(super) fn key_of_variable(name: &str) -> Option<String> {
    let key = name.strip_prefix(ENV_PREFIX)?.to_lowercase();
    let is_key = name.contains(ENV_SEPARATOR);
    is_key.then(|| key.replacen(ENV_SEPARATOR, ".", 1))
}

/// The key that a variable without the separator was most likely meant to set: its name with one
/// underscore for two, give or take a letter or two, or without the section. Other variables may begin
/// with the prefix as well, as those do that Kubernetes makes of a service's name.
pub(super) fn meant_by<'a>(known: &[&'a str], variable: &str) -> Option<&'a str> {
    let name = variable.strip_prefix(ENV_PREFIX)?.to_lowercase();
    let distance = |key: &str| {
        let whole = edits(&name, &key.replacen('.', "_", 1));
        // Of keys that are called so in several sections it is the one of the shortest name.
        (if last(key) == name { 0 } else { whole }, whole)
    };
    let near = known.iter().map(|key| (distance(key), *key));
    let nearest = near
        .min()
        .filter(|((edits, _), key)| edits * 6 <= key.len());
    nearest.map(|(_, key)| key)
}

/// Suggests the nearest of the known names for one that is not, or else lists those of its
/// section, or the sections.
pub(super) fn hint(known: &[&str], name: &str, show: impl Fn(&str) -> String) -> String {
    let near = known.iter().filter_map(|known| {
        let whole = edits(name, known);
        // The right key in the wrong section is near as well, but not as near as in the right one.
        let edits = whole.min(edits(last(name), last(known)));
        // A name that is changed by more than a third is another word.
        (edits * 3 <= last(known).len()).then_some((edits, whole, known))
    });
    if let Some((_, _, nearest)) = near.min() {
        return format!("did you mean {}?", show(nearest));
    }
    let keys = known.iter().filter(|known| known.contains('.'));
    let siblings = keys.filter(|key| first(key) == first(name));
    let siblings: Vec<String> = siblings.map(|key| show(key)).collect();
    if !siblings.is_empty() {
        return format!("known here: {}", siblings.join(", "));
    }
    let sections: BTreeSet<&str> = known.iter().map(|key| first(key)).collect();
    let sections: Vec<&str> = sections.into_iter().collect();
    format!("the sections are {}", sections.join(", "))
}

fn first(name: &str) -> &str {
    name.split_once('.').map_or(name, |(section, _)| section)
}

fn last(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, key)| key)
}

/// How many characters have to be put in, left out, changed or swapped with the next to make one name the
/// other (Damerau and Levenshtein). Of lengths far apart it tells only how far, so that a huge name costs
/// nothing.
fn edits(from: &str, to: &str) -> usize {
    let apart = from.len().abs_diff(to.len());
    if apart > to.len() {
        return apart;
    }
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    // The row before it, and the letter that one is about.
    let mut above: Option<(Vec<usize>, char)> = None;
    for (i, a) in from.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let changed = row[j] + usize::from(a != *b);
            let mut least = changed.min(next[j] + 1).min(row[j + 1] + 1);
            if let Some((above, before)) = &above
                && j > 0
                && to[j - 1] == a
                && before == b
            {
                least = least.min(above[j - 1] + 1);
            }
            next.push(least);
        }
        above = Some((std::mem::replace(&mut row, next), a));
    }
    row[to.len()]
}

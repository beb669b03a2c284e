//! Lists: for people a table of aligned columns, a line a row; for programs JSON.

use super::Failure;
use serde::Serialize;

/// Stands between two columns.
const GAP: &str = "  ";

/// The lines of a table, each with its end.
pub(super) fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| shown(cell)))
        .collect();
    let mut widths = [0; COLUMNS];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths);
        let line: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text += line.join(GAP).trim_end();
        text.push('\n');
    }
    text
}

/// One array, with a line an item, for people with `grep` as for programs with a parser.
pub(super) fn lines_of_json<T: Serialize>(items: &[T]) -> Result<String, Failure> {
    let lines: Result<Vec<_>, _> = items.iter().map(serde_json::to_string).collect();
    let lines = lines.map_err(Failure::failed)?;
    Ok(if lines.is_empty() {
        "[]\n".to_owned()
    } else {
        format!("[\n{}\n]\n", lines.join(",\n"))
    })
}

/// A cell without what would move the cursor or turn the direction of writing around.
fn shown(cell: &str) -> String {
    let mut text = String::with_capacity(cell.len());
    for c in cell.chars() {
        match c {
            '"' | '\'' | '\\' => text.push(c),
            _ => text.extend(c.escape_debug()),
        }
    }
    text
}

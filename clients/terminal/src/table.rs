//! Tables for people.

use crate::Paint;

/// Characters to which the cells of a column are filled up at most: behind a longer one, the row goes on at once.
const PAD_CHARS_MAX: usize = 60;

/// Columns of text under headings: the first ones aligned to the left, the others to the right.
pub struct Table {
    /// The headings, then the rows.
    rows: Vec<Vec<String>>,
    columns_left: usize,
}

impl Table {
    /// A table with these headings, whose first `columns_left` columns are aligned to the left.
    pub fn new<const COLUMNS: usize>(columns_left: usize, head: [&str; COLUMNS]) -> Table {
        Table::with_head(columns_left, head.map(str::to_owned).into())
    }

    /// A table whose number of columns is known when the program runs.
    pub fn with_head(columns_left: usize, head: Vec<String>) -> Table {
        Table { rows: vec![head], columns_left }
    }

    /// Adds a row.
    pub fn row<const COLUMNS: usize>(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells.into());
    }

    /// Adds a row whose number of cells is known when the program runs; it may be shorter than the headings.
    pub fn cells(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The lines of the table, indented by two blanks; the headings are dim.
    pub fn lines(&self, paint: Paint) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let lengths = cells.map(|cell| cell.chars().count());
            // one cell that is very long would push apart all rows
            lengths.max().unwrap_or(0).min(PAD_CHARS_MAX)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |(i, row): (usize, &Vec<String>)| {
            let mut text = String::new();
            for (column, cell) in row.iter().enumerate() {
                let pad = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
                text += &if column < self.columns_left { format!("  {cell}{pad}") } else { format!("  {pad}{cell}") };
            }
            let text = text.trim_end();
            if i == 0 { paint.dim(text) } else { text.to_owned() }
        };
        self.rows.iter().enumerate().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up() {
        let mut t = Table::new(1, ["name", "bits"]);
        t.row(["größe".into(), "1.5".into()]);
        assert_eq!(t.lines(Paint::off()), ["  name   bits", "  größe   1.5"]);
    }

    #[test]
    fn one_long_cell_does_not_widen_all_rows() {
        let mut t = Table::new(2, ["key", "value"]);
        t.row(["x".into(), "y".into()]);
        t.row(["k".repeat(200), "v".into()]);
        let lines = t.lines(Paint::off());
        assert_eq!(lines[1].chars().count(), 2 + PAD_CHARS_MAX + 3);
        assert!(lines[2].ends_with("kk  v"), "{}", lines[2]);
    }
}

//! The published figures: the rows of `docs/data/*.csv`, and the tables that
//! programs write into the documents.

pub mod document;
pub mod rows;
pub mod table;

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The folder of the published figures, from the root of the project.
pub const DATA: &str = "docs/data";

/// A file of figures that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct FiguresError {
    path: PathBuf,
    source: io::Error,
}

impl FiguresError {
    fn new(path: &Path, source: impl Into<io::Error>) -> Self {
        Self { path: path.to_owned(), source: source.into() }
    }
}

/// Reads the rows of a CSV file with a header.
///
/// # Errors
/// Fails if the file cannot be read, or if its columns or values do not match
/// the type of the row.
pub fn read<Row: DeserializeOwned>(path: &Path) -> Result<Vec<Row>, FiguresError> {
    let rows = csv::Reader::from_path(path).and_then(|mut reader| reader.deserialize().collect());
    rows.map_err(|error| FiguresError::new(path, error))
}

/// Replaces a CSV file by a header and these rows.
///
/// # Errors
/// Fails if the file cannot be written.
pub fn write<Row: Serialize>(path: &Path, rows: &[Row]) -> Result<(), FiguresError> {
    let write = || -> csv::Result<()> {
        let mut writer = csv::Writer::from_path(path)?;
        rows.iter().try_for_each(|row| writer.serialize(row))?;
        Ok(writer.flush()?)
    };
    write().map_err(|error| FiguresError::new(path, error))
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs;
    use std::process;

    use super::rows::LambdaSetup;
    use super::*;

    /// Returns the path of a file that no other test uses.
    fn file(name: &str) -> PathBuf {
        env::temp_dir().join(format!("figures-{}-{name}.csv", process::id()))
    }

    #[test]
    fn reads_the_rows_that_it_wrote() {
        let path = file("round-trip");
        let rows = [LambdaSetup { property: "Node.js".to_owned(), value: "one, \"two\"".to_owned() }];
        write(&path, &rows).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let read: Vec<LambdaSetup> = read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(text, "property,value\nNode.js,\"one, \"\"two\"\"\"\n");
        assert_eq!(read, rows);
    }

    #[test]
    fn rejects_a_file_with_other_columns_and_names_it() {
        let path = file("columns");
        fs::write(&path, "property,amount\ncores,2\n").unwrap();
        let error = read::<LambdaSetup>(&path).unwrap_err().to_string();
        fs::remove_file(&path).unwrap();
        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert!(error.contains("missing field `value`"), "{error}");
    }
}

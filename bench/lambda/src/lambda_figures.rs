//! The figures of `docs/data/lambda-*.csv`.

use std::fs;
use std::path::Path;

use figures::FiguresError;
use figures::rows::{
    LambdaGoal, LambdaInstructions, LambdaLatency, LambdaSetup, LambdaSize, LambdaWarmRatio,
};

use crate::goals;
use crate::results::Results;

/// The figures of one measurement.
#[derive(Debug, PartialEq)]
pub(crate) struct LambdaFigures {
    pub(crate) setup: Vec<LambdaSetup>,
    pub(crate) latency: Vec<LambdaLatency>,
    pub(crate) instructions: Vec<LambdaInstructions>,
    pub(crate) sizes: Vec<LambdaSize>,
    pub(crate) goals: Vec<LambdaGoal>,
    pub(crate) warm_ratios: Vec<LambdaWarmRatio>,
}

impl From<Results> for LambdaFigures {
    fn from(results: Results) -> Self {
        Self {
            latency: results.latency(),
            instructions: results.instruction_rows(),
            sizes: results.sizes(),
            goals: goals::goals(&results),
            warm_ratios: goals::warm_ratios(&results),
            setup: results.setup,
        }
    }
}

const SETUP: &str = "lambda-setup.csv";
const LATENCY: &str = "lambda-latency.csv";
const INSTRUCTIONS: &str = "lambda-instructions.csv";
const SIZES: &str = "lambda-size.csv";
const GOALS: &str = "lambda-goals.csv";
const WARM_RATIOS: &str = "lambda-warm-ratio.csv";

impl LambdaFigures {
    /// Reads the CSV files of a directory.
    pub(crate) fn read(directory: &Path) -> Result<Self, FiguresError> {
        Ok(Self {
            setup: figures::read(&directory.join(SETUP))?,
            latency: figures::read(&directory.join(LATENCY))?,
            instructions: figures::read(&directory.join(INSTRUCTIONS))?,
            sizes: figures::read(&directory.join(SIZES))?,
            goals: figures::read(&directory.join(GOALS))?,
            warm_ratios: figures::read(&directory.join(WARM_RATIOS))?,
        })
    }

    /// Writes the CSV files of a directory.
    pub(crate) fn write(&self, directory: &Path) -> Result<(), Box<dyn std::error::Error>> {
        fs::create_dir_all(directory)?;
        figures::write(&directory.join(SETUP), &self.setup)?;
        figures::write(&directory.join(LATENCY), &self.latency)?;
        figures::write(&directory.join(INSTRUCTIONS), &self.instructions)?;
        figures::write(&directory.join(SIZES), &self.sizes)?;
        figures::write(&directory.join(GOALS), &self.goals)?;
        figures::write(&directory.join(WARM_RATIOS), &self.warm_ratios)?;
        Ok(())
    }
}

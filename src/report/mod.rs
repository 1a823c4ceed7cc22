//! What a person or a program sees of a run. Events come in one by one with the recap so far; lines go out. A report
//! never changes a run, and a report that can no longer be written is only silent.

pub mod console;
mod deprecation;
pub mod diagnostic;
mod diff;
mod findings;
pub mod json;
pub mod logged;
pub mod progress;
mod recap;
mod result;
pub mod style;

pub use console::snippet;
pub use findings::has_errors;
pub use style::{Colour, Palette, harmless};

use muster_engine::event::Event;
use muster_engine::recap::Recap;
use muster_engine::source::Sources;
use std::io;
use std::sync::Arc;

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Failures as blocks with `MSG:`, all else as Ansible's JSON.
    #[default]
    Konvoy,
    /// Ansible's JSON.
    Json,
    /// Ansible's YAML.
    Yaml,
    /// JSON, and what was said as text behind it, as Ansible's callback `debug` shows results.
    Debug,
}

/// What lines there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Banners, a line a host, a recap.
    #[default]
    Default,
    /// Only results, as the program `ansible` shows them.
    Minimal,
    /// Only results, a line each.
    OneLine,
}

/// How the console looks.
#[derive(Clone, Debug)]
pub struct Look {
    /// What lines there are.
    pub shape: Shape,
    /// Where tasks are written, if a failure shows it before its line, as Ansible does.
    pub sources: Option<Arc<Sources>>,
    /// What is shown as that place when there is no file.
    pub origin: Option<String>,
    /// How many `-v`.
    pub verbosity: u8,
    /// How results are written.
    pub format: Format,
    /// Whether results are indented; unset: as the format and verbosity have it.
    pub pretty: Option<bool>,
    /// Whether hosts on which nothing changed are shown.
    pub show_ok: bool,
    /// Whether skipped hosts are shown.
    pub show_skipped: bool,
    /// Whether `set_stats` are shown at the end.
    pub show_stats: bool,
    /// Whether banners say that nothing may change.
    pub check_markers: bool,
    /// Whether nothing may change.
    pub check_mode: bool,
    /// Whether a line says that a host begins a step.
    pub show_start: bool,
    /// Whether it is said what will go.
    pub show_deprecations: bool,
    /// Whether a failure says which task it was.
    pub path_on_failure: bool,
    /// Whether failures go to stderr.
    pub failed_stderr: bool,
    /// Lines around a difference.
    pub diff_context: usize,
    /// Ids of findings that do not count.
    pub ignored: Vec<String>,
    /// What settings were read, said at `-v`.
    pub settings: String,
    /// Columns of a banner.
    pub width: usize,
    /// Colours on stdout and on stderr.
    pub palette: Palette,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            shape: Shape::Default,
            sources: None,
            origin: None,
            verbosity: 0,
            format: Format::default(),
            pretty: None,
            show_ok: true,
            show_skipped: true,
            show_stats: false,
            check_markers: false,
            check_mode: false,
            show_start: false,
            show_deprecations: true,
            path_on_failure: false,
            failed_stderr: false,
            diff_context: 3,
            ignored: vec![],
            settings: String::new(),
            width: 79,
            palette: Palette::default(),
        }
    }
}

/// JSON with sorted keys and an indent of 4, as Ansible's programs print it.
#[must_use]
pub fn json_text(value: &serde_json::Value) -> String {
    result::json(value, Some(4))
}

/// Something that shows events.
pub trait Report {
    /// Shows one event; `recap` counts it already.
    ///
    /// # Errors
    /// It cannot be written.
    fn show(&mut self, event: &Event, recap: &Recap) -> io::Result<()>;

    /// Shows a heading for what a person was asked.
    ///
    /// # Errors
    /// It cannot be written.
    fn heading(&mut self, _text: &str) -> io::Result<()> {
        Ok(())
    }

    /// Called a few times a second while nothing happens.
    fn tick(&mut self) {}

    /// Takes away what `tick` shows: a person is about to be asked.
    fn clear(&mut self) {}
}

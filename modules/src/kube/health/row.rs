//! One row of a health check: what was found wrong under one id, or why nobody can tell. Problems come in; a result that a `check`
//! task can use as it is goes out: `problems`, `severity`, `observed`, `remedy`. A row that is unknown has no `problems`.

use serde_json::{Map, Value as Json, json};

/// How many problems are told one by one.
const MOST: usize = 10;

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// What is seen, with its place.
    pub observed: String,
    /// What to type.
    pub remedy: String,
    /// The node it is about.
    pub node: Option<String>,
    /// Whether it is worth no more than a warning.
    pub mild: bool,
}

impl Problem {
    /// Something that is wrong.
    pub fn new(observed: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { observed: observed.into(), remedy: remedy.into(), node: None, mild: false }
    }

    /// The same, of a node.
    pub fn of_node(self, node: &str) -> Self {
        Self { node: Some(node.to_string()), ..self }
    }

    /// The same, as a warning.
    pub fn mild(self) -> Self {
        Self { mild: true, ..self }
    }
}

/// What is wrong, or why nobody can tell.
pub(crate) type Found = Result<Vec<Problem>, String>;

/// The row as a result has it; `seen` is what there is to say where nothing is wrong.
pub(crate) fn row(found: &Found, seen: &str) -> Json {
    let problems = match found {
        Ok(problems) => problems,
        Err(why) => return json!({"observed": why, "severity": "error", "remedy": ""}),
    };
    let listed: Vec<Json> = problems.iter().map(one).collect();
    let mild = problems.iter().all(|problem| problem.mild);
    let observed =
        if problems.is_empty() { seen.to_string() } else { told(problems.iter().map(|p| &p.observed)) };
    json!({
        "problems": listed,
        "severity": if mild && !problems.is_empty() { "warning" } else { "error" },
        "observed": observed,
        "remedy": told(problems.iter().map(|p| &p.remedy)),
    })
}

fn one(problem: &Problem) -> Json {
    let mut map = Map::new();
    map.insert("observed".into(), problem.observed.clone().into());
    map.insert("remedy".into(), problem.remedy.clone().into());
    map.insert("severity".into(), if problem.mild { "warning" } else { "error" }.into());
    map.insert("node".into(), problem.node.clone().unwrap_or_default().into());
    map.into()
}

/// A line each, like ones once, and how many more there are.
pub(crate) fn told<'t>(texts: impl Iterator<Item = &'t String>) -> String {
    let mut lines: Vec<&str> = vec![];
    for text in texts.filter(|text| !text.is_empty()) {
        if !lines.contains(&text.as_str()) {
            lines.push(text);
        }
    }
    let more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    let mut all = lines.join("\n");
    if more > 0 {
        all += &format!("\nand {more} more");
    }
    all
}

//! One Python process that runs plugins: requests go to its standard input, one a line, answers and questions come from
//! its standard output. It ends when its input does, so it never outlives this process.

use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What it runs.
const PROGRAM: &str = include_str!("host.py");

/// A process, and how much it was told.
#[derive(Debug)]
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// How many of the directories it knows.
    pub seats: usize,
}

impl Process {
    /// Starts one; `setup` says where ansible-core and the playbook are.
    ///
    /// # Errors
    /// There is no such Python, or it cannot run ansible-core; in words.
    pub fn start(python: &Path, setup: &Json) -> Result<Self, String> {
        let refused = |why: String| format!("`{}` cannot run it: {why}", python.display());
        let mut command = Command::new(python);
        command.args(["-c", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped());
        // Interrupting the run is not its business.
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| refused(error.to_string()))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = BufReader::new(output.ok_or_else(|| refused("it has no output".into()))?);
        let mut process = Self { child, input, output, seats: 0 };
        // What it said before it ended says more than a broken pipe.
        let sent = process.send(setup);
        process.receive().map_err(|why| sent.err().unwrap_or(why)).map_err(refused).and_then(
            |told| match told.get("broken").and_then(Json::as_str) {
                Some(why) => Err(refused(why.to_owned())),
                None => Ok(process),
            },
        )
    }

    /// One request; what it asks for meanwhile is answered by `answer`.
    ///
    /// # Errors
    /// The process has ended; in words.
    pub fn ask(&mut self, request: &Json, answer: &dyn Fn(&Json) -> Json) -> Result<Json, String> {
        let broke = |why: String| format!("the Python that runs the site's plugins broke off: {why}");
        self.send(request).map_err(broke)?;
        loop {
            let told = self.receive().map_err(broke)?;
            if told.get("ask").is_none_or(Json::is_null) {
                return Ok(told);
            }
            self.send(&answer(&told)).map_err(broke)?;
        }
    }

    fn send(&mut self, message: &Json) -> Result<(), String> {
        let input = self.input.as_mut().ok_or("it has no input")?;
        input
            .write_all(format!("{message}\n").as_bytes())
            .and_then(|()| input.flush())
            .map_err(|error| error.to_string())
    }

    fn receive(&mut self) -> Result<Json, String> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(0) => Err("it ended without an answer".into()),
            Ok(_) => serde_json::from_str(&line).map_err(|_| json!(line.trim()).to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
